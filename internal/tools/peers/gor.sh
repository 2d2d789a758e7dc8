#!/bin/sh
# Builds gor v1.3.2 into bin/peers/gor, unless it is there. Usage: gor.sh; from the top of the repository.
# It needs cgo and the headers of libpcap, and says so where it has neither: exit code 3.
set -eu
bin=$(pwd)/bin/peers
[ -x "$bin/gor" ] && exit 0
if ! command -v gcc >/dev/null || ! echo '#include <pcap.h>' | gcc -E - >/dev/null 2>&1; then
	echo "gor cannot be built here: it needs gcc and libpcap's headers (apt-get install gcc libpcap-dev)" >&2
	exit 3
fi
mkdir -p "$bin"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
# Installing it by its path asks for a list of versions that names too new ones: a module requires this one.
cat >go.mod <<-'MOD'
	module peers

	go 1.26.0

	require github.com/buger/goreplay v1.3.2

	tool github.com/buger/goreplay
MOD
go mod tidy -e >/dev/null 2>&1 || true
CGO_ENABLED=1 go build -o "$bin/gor" github.com/buger/goreplay
