#!/bin/sh
# Fails when code under internal/gen was not generated from the sources beside
# it. Generating needs protoc, so a digest of the sources is kept instead:
# `make gen` writes it (fresh.sh -write), everybody can check it. The page's
# bundle has a digest of the same kind, checked by a test of internal/gateway/ui.
set -eu
cd "$(dirname "$0")/../internal/gen"
digest=sources.sha256
now=$(find generate.sh ./*.go proto -type f | LC_ALL=C sort | xargs sha256sum)
if [ "${1:-}" = -write ]; then
	echo "$now" >$digest
elif [ "$now" != "$(cat $digest)" ]; then
	echo "generated code is older than its sources: run make gen and commit" >&2
	exit 1
fi
