#!/bin/sh
# Runs a command and says how long it took: step.sh NAME COMMAND...
name=$1
shift
start=$(date +%s)
"$@"
status=$?
took=$(($(date +%s) - start))
[ $status -eq 0 ] && word=done || word=FAILED
echo "== $name: $word in $took s"
exit $status
