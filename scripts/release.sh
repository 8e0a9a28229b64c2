#!/usr/bin/env bash
# Builds the binaries of a release, the same bytes from the same tree, with checksums.
set -euo pipefail
cd "$(dirname "$0")/.."
rm -rf release
mkdir release
for target in linux/amd64 linux/arm64 darwin/arm64 windows/amd64; do
	os=${target%/*} arch=${target#*/}
	name=vigil-$os-$arch
	[ "$os" = windows ] && name=$name.exe
	CGO_ENABLED=0 GOOS=$os GOARCH=$arch go build -trimpath -buildvcs=false -ldflags="-s -w -buildid=" -o "release/$name" ./cmd/vigil
	echo "$name"
done
(cd release && sha256sum vigil-* >SHA256SUMS)
