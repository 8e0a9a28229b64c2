#!/usr/bin/env bash
# Runs the command of every row of docs/state.md that says "works": a page of
# claims is only as good as the commands under it.
set -euo pipefail
cd "$(dirname "$0")/.."

count=0 bad=0
while IFS='|' read -r _ id _ state command _; do
	id=$(echo "$id" | tr -d ' ') state=$(echo "$state" | sed 's/^ *//;s/ *$//')
	case "$state" in works*) ;; *) continue ;; esac
	run=$(sed -n 's/^[^`]*`\([^`]*\)`.*/\1/p' <<<"$command")
	if [ -z "$run" ]; then
		echo "docs/state.md: $id works, but no command shows it" >&2
		bad=$((bad + 1))
		continue
	fi
	count=$((count + 1))
	if out=$(timeout 300 bash -c "$run" 2>&1 </dev/null); then
		echo "$id works: $run"
	else
		echo "$id does not work: $run"$'\n'"$out" >&2
		bad=$((bad + 1))
	fi
done < <(grep -E '^\| *[A-H][0-9]+ *\|' docs/state.md)
[ "$bad" = 0 ] || { echo "$bad rows of docs/state.md do not hold" >&2; exit 1; }
[ "$count" -gt 0 ] || { echo "docs/state.md: no row works" >&2; exit 1; }
echo "$count rows of docs/state.md hold"
