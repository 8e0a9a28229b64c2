"""Writes golden.json with SciPy: python3 golden.py > golden.json. Run once, by hand."""
import json
import numpy as np
from scipy import signal as s
import scipy

hz = 250.0
t = np.arange(500) / hz
rng = np.random.default_rng(7)
x = np.sin(2 * np.pi * 1.3 * t) + 0.4 * np.sin(2 * np.pi * 50 * t) + 0.2 * rng.standard_normal(len(t)) + 0.5 * t
x = np.round(x, 6)
out = {"scipy": scipy.__version__, "hz": hz, "x": x.tolist(), "filters": [], "resample": [], "peaks": []}
designs = [("low", o, [15.0]) for o in (1, 2, 3, 4, 7)] + [("high", o, [0.5]) for o in (1, 2, 5)] + \
          [("band", o, [0.5, 40.0]) for o in (1, 2, 3, 4)] + [("band", 3, [8.0, 20.0]), ("low", 8, [3.0])]
for kind, order, cut in designs:
    btype = {"low": "lowpass", "high": "highpass", "band": "bandpass"}[kind]
    sos = s.butter(order, cut if len(cut) > 1 else cut[0], btype, fs=hz, output="sos")
    out["filters"].append({"kind": kind, "order": order, "cut": cut, "forward": s.sosfilt(sos, x).tolist(), "both": s.sosfiltfilt(sos, x).tolist()})
b, a = s.iirnotch(50, 30, fs=hz)
sos = s.tf2sos(b, a)
out["filters"].append({"kind": "notch", "order": 30, "cut": [50.0], "forward": s.sosfilt(sos, x).tolist(), "both": s.sosfiltfilt(sos, x).tolist()})
for up, down in [(2, 1), (1, 2), (3, 2), (2, 5), (25, 36), (360, 250)]:
    out["resample"].append({"up": up, "down": down, "y": s.resample_poly(x, up, down).tolist()})
flat = np.round(x * 2) / 2  # plateaus
for name, v in [("x", x), ("flat", flat)]:
    for kw in [{}, {"height": 0.8}, {"distance": 12}, {"prominence": 0.6}, {"height": 0.2, "distance": 20, "prominence": 0.3}]:
        out["peaks"].append({"of": name, **kw, "at": s.find_peaks(v, **kw)[0].tolist()})
out["flat"] = flat.tolist()
q = [0, 0.1, 0.25, 0.5, 0.9, 1]
out["quantiles"] = {"q": q, "y": np.quantile(x, q).tolist()}
out["gradient"] = np.gradient(x, 1 / hz).tolist()
print(json.dumps(out))
