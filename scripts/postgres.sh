#!/usr/bin/env bash
# Runs a command beside a throw-away PostgreSQL and names it in
# VIGIL_TEST_POSTGRES:  scripts/postgres.sh go test ./internal/store/...
#
# The server listens on a socket in a new folder and on no port; it and its data
# are gone when the command ends. Started by root, it runs as user postgres,
# because PostgreSQL refuses to run as root.
set -euo pipefail

[ $# -gt 0 ] || { echo "usage: scripts/postgres.sh COMMAND..." >&2; exit 2; }

bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1 || true)
[ -n "$bin" ] || bin=$(dirname "$(command -v pg_ctl || true)")
[ -x "$bin/pg_ctl" ] || { echo "scripts/postgres.sh: PostgreSQL is not installed (make deps)" >&2; exit 1; }

dir=$(mktemp -d /tmp/vigil-postgres.XXXXXX)
as=()
if [ "$(id -u)" = 0 ]; then
	chown postgres "$dir"
	as=(runuser -u postgres --)
fi
cd "$dir" # postgres must be able to stand where it starts
stop() {
	"${as[@]}" "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null 2>&1 || true
	rm -rf "$dir"
}
trap stop EXIT

"${as[@]}" "$bin/initdb" -D "$dir/data" -U vigil -A trust -E UTF8 --no-locale >"$dir/initdb.log" 2>&1 ||
	{ cat "$dir/initdb.log" >&2; exit 1; }
"${as[@]}" "$bin/pg_ctl" -D "$dir/data" -l "$dir/data/server.log" -w -t 60 \
	-o "-k $dir -c listen_addresses='' -c max_connections=200" start >/dev/null ||
	{ cat "$dir/data/server.log" >&2; exit 1; }

cd "$OLDPWD"
VIGIL_TEST_POSTGRES="postgres:///postgres?host=$dir&user=vigil" "$@"
