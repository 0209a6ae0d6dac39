#!/bin/sh
# Prints the packages of the main module that changed since a commit, and those
# that import them, tests included: changed.sh [COMMIT]
set -eu
cd "$(dirname "$0")/.."
base=${1:-HEAD}

dirs=$({
	git diff --name-only "$base" -- '*.go' '**/testdata/**'
	git ls-files -o --exclude-standard -- '*.go' '**/testdata/**'
} | sed -e 's|/testdata/.*|/x|' -e 's|/[^/]*$||' | sort -u)
[ -n "$dirs" ] || exit 0

module=$(go list -m)
changed=$(for d in $dirs; do echo "$module/$d"; done)
go list -tags invariants -f '{{.ImportPath}}: {{.ImportPath}} {{join .Deps " "}} {{join .TestImports " "}} {{join .XTestImports " "}}' ./... |
	awk -v changed="$changed" '
		BEGIN { n = split(changed, list, "\n"); for (i = 1; i <= n; i++) want[list[i]] = 1 }
		{ for (i = 2; i <= NF; i++) if ($i in want) { sub(":$", "", $1); print $1; next } }'
