#!/bin/sh
# Runs all tests of both modules under the race detector, then one whole game day on the supermarket. A game day
# on a machine that is busy with other things proves nothing (exit code 3): it is given a second chance, no more.
set -eu
# Tests of whole runs are skipped on a machine that is too busy to prove anything; here that is a failure.
export GAMEDAY_PROVE=1
# One package at a time: many of them offer load in real time, and two at once would measure each other.
go build -race ./...
go test -race -p 1 ./...
if sh internal/tools/libpcap.sh; then
	go test -race -tags libpcap -run 'Libpcap|Engines' ./replay/capture/passive
fi
(cd fixtures/supermarket && go build -race ./... && go test -race -p 1 ./...)
game_day() { bin/gameday run scenarios/library/recommendation-down.yaml --progress plain; }
game_day || {
	code=$?
	[ "$code" -eq 3 ] || exit "$code"
	echo "inconclusive: once more" >&2
	game_day
}
