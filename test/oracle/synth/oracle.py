"""Lets the xqrs detector of PyPI's wfdb find the beats of simulated ECGs and
compares them with the beats that were simulated, within 100 ms.

    pip install wfdb && python test/oracle/synth/oracle.py
"""
import os, subprocess, sys, tempfile
import numpy as np
from wfdb.processing import xqrs_detect

work = tempfile.TemporaryDirectory(prefix="vigil-oracle-")
tool = os.path.join(work.name, "tool")
subprocess.check_call(["go", "build", "-o", tool, "./test/oracle/synth"])
failed = 0
for rate in (45, 60, 80, 110, 140):
    for rhythm in ("sinus", "fibrillating"):
        ecg, beats = (np.array(line.split(), dtype=float) for line in
                      subprocess.run([tool, str(rate), rhythm], capture_output=True, text=True, check=True).stdout.splitlines())
        found = xqrs_detect(ecg, 250, verbose=False) / 250
        inside = beats[(beats > 10) & (beats < 599)]  # the detector learns first
        near = lambda a, b: np.abs(b[np.clip(np.searchsorted(b, a)[:, None] + [-1, 0], 0, len(b) - 1)] - a[:, None]).min(axis=1) < 0.1
        heard = near(inside, found).mean()
        true = near(found[found > 10], beats).mean()
        good = heard > 0.99 and true > 0.99
        print("good" if good else "BAD", f"{rate}/min {rhythm}: {len(inside)} beats, {100*heard:.2f} % found, {100*true:.2f} % of those found are beats")
        failed += not good
sys.exit(1 if failed else 0)
