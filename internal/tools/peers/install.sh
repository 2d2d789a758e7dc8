#!/bin/sh
# Installs the programs that gameday is measured against into DIR: the Go ones from the module proxy, at exact versions
# and from scratch modules, the others from Debian's packages (as root). What cannot be had is named and left out.
# Usage: install.sh DIR [PROGRAM], where PROGRAM is one of the Go ones: the only one that is built then
set -eu
dir=$(mkdir -p "$1" && cd "$1" && pwd)
only=${2:-}

if [ -z "$only" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	missing=
	for package in wrk nghttp2-client nginx-light haproxy tcpdump libpcap-dev; do
		dpkg -s $package >/dev/null 2>&1 || missing="$missing $package"
	done
	# shellcheck disable=SC2086
	[ -z "$missing" ] || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing; } >/dev/null
fi

# build NAME MODULE VERSION PACKAGE
build() {
	[ -x "$dir/$1" ] && return
	[ -z "$only" ] || [ "$only" = "$1" ] || return 0
	src=$dir/src/$1
	mkdir -p "$src"
	(
		cd "$src"
		rm -f go.mod go.sum
		go mod init peers.invalid/"$1" && go get "$2@$3" && go build -mod=mod -o "$dir/$1" "$4"
	) >"$dir/$1.log" 2>&1 || echo "no $1: see $dir/$1.log"
}
build vegeta github.com/tsenart/vegeta/v12 v12.13.0 github.com/tsenart/vegeta/v12
build gor github.com/buger/goreplay v1.3.2 github.com/buger/goreplay
build toxiproxy github.com/Shopify/toxiproxy/v2 v2.12.0 github.com/Shopify/toxiproxy/v2/cmd/server
build fortio fortio.org/fortio v1.66.5 fortio.org/fortio
build k6 go.k6.io/k6 v0.52.0 go.k6.io/k6
ls "$dir"
