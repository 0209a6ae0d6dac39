#!/bin/sh
# Fails when a Go file is not formatted. gofumpt where its module can be had,
# gofmt, which gofumpt's rules include, where not.
set -eu
cd "$(dirname "$0")/.."
files=$(git ls-files -co --exclude-standard '*.go' ':!internal/gen' | while read -r f; do [ -f "$f" ] && echo "$f"; done)
if go tool -modfile=tools/go.mod gofumpt -version >/dev/null 2>&1; then
	bad=$(echo "$files" | xargs go tool -modfile=tools/go.mod gofumpt -l)
else
	echo "format: gofumpt cannot be had, checking with gofmt" >&2
	bad=$(echo "$files" | xargs gofmt -l)
fi
[ -z "$bad" ] && exit 0
echo "not formatted (run: make fmt):" >&2
echo "$bad" >&2
exit 1
