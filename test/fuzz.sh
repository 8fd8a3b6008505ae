#!/bin/sh
# Runs every fuzz target of the module, one after the other, each for as long as it is told: test/fuzz.sh 30s
#
# An input that makes one fail is written to testdata/fuzz of its package, where every later go test tries it again. What
# is merely new goes to Go's own cache. All targets run, so that one look shows all that is wrong.
set -u

span=${1:?usage: test/fuzz.sh DURATION}
cd "$(dirname "$0")/.." || exit 1

# Only packages that have a target are built.
packages=$(grep -rl --include='*_test.go' '^func Fuzz' . | grep -v /testdata/ | xargs -n 1 dirname | sort -u) || exit 1
count=0 failed=
for package in $packages; do
	listed=$(go test -list '^Fuzz' "$package") || exit 1
	for target in $(echo "$listed" | grep '^Fuzz'); do
		count=$((count + 1))
		out=$(go test -run='^$' -fuzz="^$target\$" -fuzztime="$span" -vet=off "$package" 2>&1) && continue
		failed="$failed $package:$target"
		echo "$out"
	done
done
if [ -n "$failed" ]; then
	echo "fuzz: failed:$failed" >&2
	exit 1
fi
echo "fuzz: $count targets, $span each"
