"""Compares wire/wfdb with the wfdb package of PyPI, sample by sample.

    pip install wfdb && python test/oracle/wfdb/oracle.py [DATA]

Real records from DATA (default ../shared/data) and, for every binary format,
random bytes, which both sides must read as the same samples.
"""
import lzma, os, random, shutil, subprocess, sys, tempfile
import numpy as np
import wfdb

data = sys.argv[1] if len(sys.argv) > 1 else "../shared/data"
work = tempfile.mkdtemp(prefix="vigil-oracle-")
tool = os.path.join(work, "tool")
subprocess.check_call(["go", "build", "-o", tool, "./test/oracle/wfdb"])
MISSING = -2**31
failed = 0


def ours(*args):
    return subprocess.run([tool, *args], capture_output=True, text=True, check=True).stdout.splitlines()


# wfdb 4.3 fails on big-endian samples when it narrows their type: leave them as they are.
import wfdb.io.record
narrow = wfdb.io.record.Record.convert_dtype
wfdb.io.record.Record.convert_dtype = lambda self, *a: None if "61" in self.fmt else narrow(self, *a)


def compare(what, record):
    """record: path without suffix; all files beside it."""
    global failed
    theirs = wfdb.rdrecord(record, physical=False, smooth_frames=False)
    absent = {"80": -2**7, "310": -2**9, "311": -2**9, "212": -2**11, "24": -2**23, "32": -2**31}
    lines = ours("signals", record)
    good = len(lines) == theirs.n_sig
    for i, line in enumerate(lines):
        name, gain, baseline, unit, *samples = line.split("\t")
        mine = np.array(samples, dtype=np.int64)
        other = np.asarray(theirs.e_d_signal[i], dtype=np.int64).copy()
        if theirs.fmt[i] != "8":
            other[other == absent.get(theirs.fmt[i], -2**15)] = MISSING
        same = (len(mine) == len(other) and (mine == other).all() and float(gain) == theirs.adc_gain[i]
                and int(baseline) == theirs.baseline[i] and unit == theirs.units[i])
        if not same:
            good = False
            print("  differs:", what, name, len(mine), len(other))
    print("same" if good else "DIFFERENT", what, theirs.n_sig, "signals", theirs.sig_len, "frames")
    failed += not good


def annotations(what, record):
    global failed
    theirs = wfdb.rdann(record, "atr")
    rows = [line.split("\t") for line in ours("annotations", record + ".atr")]
    good = len(rows) == len(theirs.sample) and all(
        int(r[0]) == s and r[1] == y and int(r[2]) == u and int(r[3]) == c and int(r[4]) == n and r[5] == a.rstrip("\0")
        for r, s, y, u, c, n, a in zip(rows, theirs.sample, theirs.symbol, theirs.subtype, theirs.chan, theirs.num, theirs.aux_note))
    print("same" if good else "DIFFERENT", what, len(rows), "annotations")
    failed += not good


folder = os.path.join(data, "mitdb")
if os.path.isdir(folder):
    for file in sorted(os.listdir(folder)):
        if not file.endswith(".hea"):
            continue
        name = file[:-4]
        for suffix in (".hea", ".atr"):
            shutil.copyfile(os.path.join(folder, name + suffix), os.path.join(work, name + suffix))
        with lzma.open(os.path.join(folder, name + ".dat.xz")) as packed, open(os.path.join(work, name + ".dat"), "wb") as plain:
            shutil.copyfileobj(packed, plain)
        compare("mitdb " + name, os.path.join(work, name))
        annotations("mitdb " + name, os.path.join(work, name))
else:
    print("skipped: no recordings at", folder)

random.seed(1)
for fmt in ["8", "16", "24", "32", "61", "80", "160", "212", "310", "311"]:
    for extra, signals, frames in [("", 2, 300), ("", 1, 301), ("", 3, 299), ("x3", 2, 101), ("+24", 2, 300)]:
        name = f"f{fmt}{extra.replace('+', 'o')}n{signals}"
        raw = bytearray(random.randbytes(4 * (signals * frames * 3 + 24)))
        if fmt == "311":
            # The two unused bits of each word are zero in real files, and wfdb 4 looks at one of them.
            start = 24 if extra == "+24" else 0
            for i in range(start + 3, len(raw), 4):
                raw[i] &= 0x3F
        with open(os.path.join(work, name + ".dat"), "wb") as f:
            f.write(raw)
        with open(os.path.join(work, name + ".hea"), "w") as f:
            f.write(f"{name} {signals} 100 {frames}\n")
            for k in range(signals):
                f.write(f"{name}.dat {fmt}{extra} {100 + k}({k})/mV 12 0 {5 * k} 0 0 s{k}\n")
        compare(f"format {fmt}{extra} x {signals}", os.path.join(work, name))

shutil.rmtree(work)
sys.exit(1 if failed else 0)
