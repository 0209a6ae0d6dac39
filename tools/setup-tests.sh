#!/bin/sh
# Installs what tests need beside Go: Chromium, Node 20 or later, and the
# packages of the test scripts. Quick when all of it is there; run it as often
# as you like. On systems without apt, install Chromium and Node yourself.
set -eu
cd "$(dirname "$0")/.."

missing=
command -v chromium >/dev/null || command -v chromium-browser >/dev/null ||
	command -v google-chrome >/dev/null || missing="$missing chromium"
command -v node >/dev/null || missing="$missing nodejs"
command -v npm >/dev/null || missing="$missing npm"

if [ -n "$missing" ]; then
	command -v apt-get >/dev/null || {
		echo "setup: please install:$missing" >&2
		exit 1
	}
	root=
	if [ "$(id -u)" != 0 ]; then
		command -v sudo >/dev/null || {
			echo "setup: please install as root:$missing" >&2
			exit 1
		}
		root=sudo
	fi
	echo "setup: installing$missing"
	export DEBIAN_FRONTEND=noninteractive
	# shellcheck disable=SC2086 # words on purpose
	$root apt-get update -qq && $root apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

major=$(node --version | sed 's/^v\([0-9]*\).*/\1/')
[ "$major" -ge 20 ] || {
	echo "setup: node $(node --version) is too old: install version 20 or later" >&2
	exit 1
}

# npm ci where the lock file is newer than what was installed from it.
for lock in test/*/package-lock.json; do
	[ -f "$lock" ] || continue
	dir=$(dirname "$lock")
	stamp=$dir/node_modules/.package-lock.json
	if [ ! -f "$stamp" ] || [ "$lock" -nt "$stamp" ]; then
		npm --prefix "$dir" ci --silent --no-audit --no-fund
		touch "$stamp"
	fi
done
