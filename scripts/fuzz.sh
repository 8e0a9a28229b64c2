#!/usr/bin/env bash
# Fuzzes every target of the tree, found by its name, for a while each:
#   scripts/fuzz.sh 30s
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-10s}

targets=$(git grep -n -E '^func Fuzz[A-Za-z0-9_]*\(' -- '*_test.go' | sed -E 's/^([^:]+):[0-9]+:func (Fuzz[A-Za-z0-9_]*).*/\1 \2/')
[ -n "$targets" ] || { echo "scripts/fuzz.sh: no fuzz target found" >&2; exit 1; }
count=0
while read -r file name; do
	echo "fuzz $name in $(dirname "$file") for $time"
	go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "./$(dirname "$file")" </dev/null | tail -n 3
	count=$((count + 1))
done <<<"$targets"
echo "$count targets fuzzed for $time each, nothing found"
