#!/usr/bin/env bash
# Compares ours with independent implementations: units with npm's ucum-lhc,
# recordings with PyPI's wfdb and pyedflib. Needs Node and Python with venv.
set -euo pipefail
cd "$(dirname "$0")/.."
data=${VIGIL_DATA:-../shared/data}

(cd test/oracle && npm ci --no-fund --no-audit --loglevel=error </dev/null)
node test/oracle/ucum.mjs

venv=$(mktemp -d /tmp/vigil-oracle.XXXXXX)
trap 'rm -rf "$venv"' EXIT
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check wfdb pyedflib numpy
"$venv/bin/python" test/oracle/wfdb/oracle.py "$data"
"$venv/bin/python" test/oracle/edf/oracle.py "$data"
