#!/usr/bin/env bash
# Everything that can be checked on one machine: make verify [REQUIRE=all].
#
# With REQUIRE=all nothing may be skipped: a missing browser, database or foreign
# client is a failure (a missing recording is not; they are not part of the
# project). Every step runs, whatever became of the ones before it; the last
# lines say which failed.
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null

require=${REQUIRE:-} rounds=${ROUNDS:-3} fuzztime=${FUZZTIME:-4s}
export VIGIL_REQUIRE=$require VIGIL_FAULT=1
work=$(mktemp -d /tmp/vigil-verify.XXXXXX)
trap 'rm -rf "$work"' EXIT
failed=() passed=()

step() { # step NAME COMMAND...
	local name=$1 start=$SECONDS
	shift
	echo "## $name"
	if "$@"; then
		passed+=("$name ($((SECONDS - start)) s)")
	else
		echo "## FAILED: $name"
		failed+=("$name")
	fi
}

# need PROGRAM: whether a step's program is here; without it the step is left out, or fails.
need() {
	command -v "$1" >/dev/null && return 0
	echo "not installed: $1 (make deps)"
	[ "$require" = all ] && failed+=("$1 is not installed")
	return 1
}

formatted() {
	local bad
	bad=$(git ls-files -z '*.go' | xargs -0 gofmt -l)
	[ -z "$bad" ] || { echo "gofmt would change:"$'\n'"$bad"; return 1; }
}

# The committed screens are what the sources build, byte for byte.
screens() {
	cp -r web/dist "$work/dist" &&
		(cd web && npx tsc --noEmit && npx vite build --logLevel warn --outDir "$work/built" --emptyOutDir) &&
		diff -r web/dist "$work/built" && echo "web/dist is what web/src builds"
}

tests() {
	local run=(go test -json -count=1 -timeout 15m ./...)
	if [ -n "$(ls /usr/lib/postgresql/*/bin/pg_ctl 2>/dev/null)" ]; then run=(scripts/postgres.sh "${run[@]}"); fi
	# The verdict counts; go test's own status is in what it reads.
	{ "${run[@]}" 2>"$work/stderr" || true; } | "$work/verdict" -require "$require" || { cat "$work/stderr" >&2; return 1; }
}

faults() {
	local kind
	for kind in powercut kill full; do
		"$work/fault" -kind "$kind" -vigil "$work/vigil" -rounds "$([ "$kind" = full ] && echo 1 || echo "$rounds")" || return 1
	done
}

go build -o "$work/" ./cmd/vigil ./test/verdict ./test/fault
step "gofmt" formatted
step "go vet" go vet ./...
if need npm; then
	[ -d web/node_modules ] || step "npm ci" bash -c 'cd web && npm ci --no-fund --no-audit --loglevel=error'
	step "screens: types, build, bytes" screens
	step "screens: unit tests" bash -c 'cd web && npx vitest run'
	if need chromium; then
		step "browser: the main paths" timeout 800 env VIGIL="$work/vigil" node test/e2e/paths.mjs
		step "browser: who gets in, and what does not run" timeout 240 env VIGIL="$work/vigil" node test/e2e/identity.mjs
		step "browser: every page, with axe" timeout 2400 env VIGIL="$work/vigil" OUT="$work/screens" node test/e2e/screens.mjs
	fi
fi
step "tests, PostgreSQL and foreign clients included" tests
step "fuzz" scripts/fuzz.sh "$fuzztime"
if [ "$(id -u)" = 0 ]; then
	step "power cut, kill, disk full" faults
	step "a server broken under a sentinel" make sentinel
else
	echo "faults need root"
	[ "$require" != all ] || failed+=("faults need root")
fi
step "docs/state.md" scripts/state.sh

echo
printf 'passed: %s\n' "${passed[@]}"
if [ ${#failed[@]} -gt 0 ]; then
	printf 'FAILED: %s\n' "${failed[@]}"
	exit 1
fi
echo "make verify: everything holds ($SECONDS s)"
