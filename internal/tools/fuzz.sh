#!/bin/sh
# Runs each fuzz target of both modules for the given time.
set -eu
for module in . fixtures/supermarket; do
	(
		cd "$module"
		grep -rln --include='*_test.go' '^func Fuzz' . | while read -r file; do
			package=$(dirname "$file")
			sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file" | while read -r target; do
				go test "$package" -run '^$' -fuzz "^$target\$" -fuzztime "$1"
			done
		done
	)
done
