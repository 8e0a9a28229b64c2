"""Compares wire/edf with the pyedflib package of PyPI.

    pip install pyedflib numpy && python test/oracle/edf/oracle.py [DATA]

The files in DATA/devices/edf (default ../shared/data), and files that pyedflib
writes here: EDF, EDF+ with annotations, BDF, BDF+, with random samples.
"""
import os, subprocess, sys, tempfile
import numpy as np
import pyedflib

data = sys.argv[1] if len(sys.argv) > 1 else "../shared/data"
work = tempfile.TemporaryDirectory(prefix="vigil-oracle-")
tool = os.path.join(work.name, "tool")
subprocess.check_call(["go", "build", "-o", tool, "./test/oracle/edf"])
failed = 0


def compare(path):
    global failed
    rows = [line.split("\t") for line in subprocess.run([tool, path], capture_output=True, text=True, check=True).stdout.splitlines()]
    signals, notes = [r for r in rows if r[0] == "signal"], [r for r in rows if r[0] == "note"]
    with pyedflib.EdfReader(path) as f:
        good = len(signals) == f.signals_in_file
        for i, r in enumerate(signals):
            other = f.readSignal(i, digital=True)
            good &= r[1] == f.getLabel(i) and abs(float(r[2]) - f.getSampleFrequency(i)) < 1e-9 and r[3] == f.getPhysicalDimension(i)
            good &= len(other) == len(r) - 5 and (np.array(r[5:], dtype=np.int64) == other).all()
            good &= abs(float(r[4]) - f.readSignal(i)[0]) < 1e-6 * max(1, abs(float(r[4])))
        at, length, text = f.readAnnotations()
        first = f.starttime_subsecond / 1e7
        # pyedflib counts onsets from the first record, we from the second in the header.
        good &= len(notes) == len(at) and all(
            abs(float(n[1]) - a - first) < 1e-5 and abs(float(n[2]) - max(l, 0)) < 1e-5 and n[3] == t for n, a, l, t in zip(notes, at, length, text))
    print("same" if good else "DIFFERENT", os.path.basename(path), len(signals), "signals", len(notes), "annotations")
    failed += not good


folder = os.path.join(data, "devices", "edf")
if os.path.isdir(folder):
    for name in sorted(os.listdir(folder)):
        if name.endswith((".edf", ".bdf")):
            compare(os.path.join(folder, name))
else:
    print("skipped: no recordings at", folder)

random = np.random.default_rng(1)
for name, kind, bits in [("plain.edf", pyedflib.FILETYPE_EDF, 16), ("plus.edf", pyedflib.FILETYPE_EDFPLUS, 16),
                         ("plain.bdf", pyedflib.FILETYPE_BDF, 24), ("plus.bdf", pyedflib.FILETYPE_BDFPLUS, 24)]:
    path = os.path.join(work.name, name)
    top = 2 ** (bits - 1)
    with pyedflib.EdfWriter(path, 3, file_type=kind) as f:
        for i, hz in enumerate([256, 100, 1]):
            f.setSignalHeader(i, dict(label=f"signal {i}", dimension="uV", sample_frequency=hz, physical_min=-3276.8, physical_max=3276.7,
                                      digital_min=-top, digital_max=top - 1, transducer="", prefilter=""))
        for _ in range(7):
            for hz in (256, 100, 1):
                f.writeDigitalSamples(random.integers(-top, top, hz).astype(np.int32))
        if kind in (pyedflib.FILETYPE_EDFPLUS, pyedflib.FILETYPE_BDFPLUS):
            for k in range(5):
                f.writeAnnotation(1.25 * k, -1 if k % 2 else 0.5, f"event {k}, näher")
    compare(path)
sys.exit(1 if failed else 0)
