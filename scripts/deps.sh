#!/usr/bin/env bash
# Installs what make verify needs beyond Go on Debian: a browser, a database,
# foreign MQTT clients, tools for images, Node and the npm packages. Run as root;
# others are told what is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(chromium postgresql mosquitto mosquitto-clients xfsprogs e2fsprogs util-linux fonts-dejavu-core)
command -v node >/dev/null || packages+=(nodejs)
command -v npm >/dev/null || packages+=(npm)

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	export DEBIAN_FRONTEND=noninteractive
	apt-get -qq update
	apt-get -qq install -y --no-install-recommends "${packages[@]}" >/dev/null </dev/null
else
	echo "scripts/deps.sh: not root on Debian; install by hand what is missing of: ${packages[*]}" >&2
fi

for lock in web/package-lock.json test/conformance/package-lock.json test/e2e/package-lock.json; do
	[ -f "$lock" ] || continue
	echo "npm ci in $(dirname "$lock")"
	(cd "$(dirname "$lock")" && npm ci --no-fund --no-audit --loglevel=error </dev/null)
done
go mod download
