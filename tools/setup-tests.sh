#!/bin/sh
# Installs what tests need beside Go: Chromium, Node 20, Python 3.10 and Java 17
# or later, and the packages of the test scripts as their lock files say. Quick
# when all of it is there; run it as often as you like. On systems without apt,
# install Chromium, Node, Python, a JDK and Maven yourself.
set -eu
cd "$(dirname "$0")/.."

missing=
command -v chromium >/dev/null || command -v chromium-browser >/dev/null ||
	command -v google-chrome >/dev/null || missing="$missing chromium"
command -v node >/dev/null || missing="$missing nodejs"
command -v npm >/dev/null || missing="$missing npm"
command -v python3 >/dev/null && python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
command -v javac >/dev/null || missing="$missing default-jdk-headless"
command -v mvn >/dev/null || missing="$missing maven"

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

# at_least PROGRAM HAS WANTS: numbers of versions.
at_least() {
	[ "$2" -ge "$3" ] || {
		echo "setup: $1 $2 is too old: install version $3 or later" >&2
		exit 1
	}
}
at_least node "$(node --version | sed 's/^v\([0-9]*\).*/\1/')" 20
at_least 'python 3, minor version' "$(python3 -c 'import sys; print(sys.version_info.minor)')" 10
at_least javac "$(javac -version 2>&1 | sed 's/^javac \([0-9]*\).*/\1/')" 17

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

# A virtual environment where the lock file differs from what was installed.
for lock in test/*/requirements.txt; do
	[ -f "$lock" ] || continue
	venv=$(dirname "$lock")/venv
	cmp -s "$lock" "$venv/installed.txt" && "$venv/bin/python" -c '' 2>/dev/null && continue
	rm -rf "$venv"
	python3 -m venv "$venv"
	"$venv/bin/pip" install -q --disable-pip-version-check --require-hashes -r "$lock"
	cp "$lock" "$venv/installed.txt"
done

# Maven where a file is not the one whose sum is known.
for lock in test/*/jars.sha256; do
	[ -f "$lock" ] || continue
	dir=$(dirname "$lock")
	same() { (cd "$dir/jars" 2>/dev/null && sha256sum --check --quiet --strict "$@" ../jars.sha256); }
	same --status && continue
	rm -rf "$dir/jars"
	mvn -B -q -Dstyle.color=never -f "$dir/pom.xml" dependency:copy-dependencies
	same >&2
done
