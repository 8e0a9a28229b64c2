#!/usr/bin/env bash
# All figures of this machine, one JSON object a line. Nothing else should run
# beside it; it takes about ten minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
vigil=$(mktemp -d /tmp/vigil-bench.XXXXXX)/vigil
trap 'rm -rf "$(dirname "$vigil")"' EXIT
go build -o "$vigil" ./cmd/vigil
"$vigil" bench ingest --json --clients 100 --window 10
"$vigil" bench ingest --json --clients 1000 --window 1
"$vigil" bench ingest --json --clients 1000 --rate 3000
"$vigil" bench store --json
"$vigil" bench live --json
