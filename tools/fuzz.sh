#!/bin/sh
# Runs every fuzz target for a while: fuzz.sh TIME PACKAGES...
# A crasher is written to the package's testdata/fuzz and repeated by go test.
set -eu
cd "$(dirname "$0")/.."
time=$1
shift
status=0
for dir in $(go list -f '{{.Dir}}' "$@"); do
	for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$dir"/*_test.go 2>/dev/null); do
		echo "-- ${dir#"$PWD"/} $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$dir" || status=1
	done
done
exit $status
