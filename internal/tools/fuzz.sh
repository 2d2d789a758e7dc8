#!/bin/sh
# Runs each fuzz target of both modules for the given time.
set -eu
top=$(pwd)
for module in . fixtures/supermarket; do
	cd "$top/$module"
	grep -rl --include='*_test.go' '^func Fuzz' . | grep -v '^./fixtures/' | while read -r file; do
		sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file" | while read -r target; do
			# Minimising what was found costs more than finding it.
			go test "$(dirname "$file")" -run '^$' -fuzz "^$target\$" -fuzztime "$1" -fuzzminimizetime 10x </dev/null
		done
	done
done
