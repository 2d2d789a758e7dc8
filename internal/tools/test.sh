#!/bin/sh
# Runs all tests of both modules under the race detector, then one whole game day on the supermarket. A game day
# on a machine that is busy with other things proves nothing (exit code 3): it is given a second chance, no more.
set -eu
go test -race ./...
(cd fixtures/supermarket && go test -race ./...)
game_day() { bin/gameday run scenarios/library/recommendation-down.yaml --progress plain; }
game_day || {
	code=$?
	[ "$code" -eq 3 ] || exit "$code"
	echo "inconclusive: once more" >&2
	game_day
}
