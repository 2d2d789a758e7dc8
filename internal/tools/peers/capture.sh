#!/bin/sh
# Shows how much of the traffic that is hard to capture gameday and gor v1.3.2 find, of the same connections, on the
# loopback device and on a cable with packets of 1500 bytes. It needs root, for network namespaces. Where gor cannot be
# built (it needs cgo and libpcap-dev), gameday runs alone.
set -eu
sh internal/tools/peers/install.sh bin/peers gor >/dev/null
if [ -x bin/peers/gor ]; then
	GAMEDAY_GOR=$(pwd)/bin/peers/gor
	export GAMEDAY_GOR
fi
go test -count 1 -v -timeout 300s -run '^TestNothingOfTheMatrixIsLostOnRealSockets$' ./replay/capture/passive | grep -v '=== RUN'
