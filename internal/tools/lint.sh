#!/bin/sh
# Lints both modules with the tools pinned in internal/tools/go.mod. Usage: lint.sh "go tool -modfile=..."
set -eu
tool=$1
top=$(pwd)
unformatted=$($tool gofumpt -l $(git ls-files '*.go' | grep -v '\.pb\.go$'))
if [ -n "$unformatted" ]; then
	printf 'not formatted, run gofumpt -w on:\n%s\n' "$unformatted" >&2
	exit 1
fi
for module in . fixtures/supermarket; do
	cd "$top/$module"
	go vet ./...
	$tool staticcheck ./...
	fixes=$(go fix -diff ./... || true)
	if [ -n "$fixes" ]; then
		printf '%s\ngo fix has something to say in %s\n' "$fixes" "$module" >&2
		exit 1
	fi
	dead=$($tool deadcode -test ./...)
	if [ -n "$dead" ]; then
		printf '%s\ndead code in %s\n' "$dead" "$module" >&2
		exit 1
	fi
	go mod tidy -diff
	go mod verify >/dev/null
done
cd "$top/fixtures/supermarket" && go vet -tags mutants ./...
cd "$top" && GOOS=darwin go build ./...
if sh internal/tools/libpcap.sh; then
	go vet -tags libpcap ./replay/capture/passive ./cmd/gameday
	$tool staticcheck -tags libpcap ./replay/capture/passive
fi
