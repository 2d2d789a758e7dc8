#!/bin/sh
# Runs every library scenario once and ends with the worst exit code.
set -u
worst=0
for scenario in scenarios/library/*.yaml; do
	bin/gameday run "$scenario" --progress plain
	code=$?
	echo "$scenario: exit $code"
	[ "$code" -gt "$worst" ] && worst=$code
done
exit "$worst"
