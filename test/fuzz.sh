#!/bin/sh
# Runs every fuzz target of the module, one after the other, each for as long as it is told: test/fuzz.sh 30s
#
# An input that makes one fail is written to testdata/fuzz of its package, where every later go test tries it again. What
# is merely new goes to Go's own cache. All targets run, so that one look shows all that is wrong.
set -u

span=${1:?usage: test/fuzz.sh DURATION}
cd "$(dirname "$0")/.." || exit 1
bin=$(mktemp -d) || exit 1
trap 'rm -rf "$bin"' EXIT
cache=$(go env GOCACHE)/fuzz

# run TARGET fuzzes one target of the package in the working directory. Making a failing input small may not take longer
# than finding it.
run() {
	"$bin/test" -test.run='^$' -test.fuzz="^$1\$" -test.fuzztime="$span" -test.fuzzminimizetime="$span" \
		-test.fuzzcachedir="$cache/$package" 2>&1
}

# in_time OUTPUT: whether all that is wrong is that time was up. Go before 1.27 now and then says so on a busy machine, and
# fails (go.dev/issue/75804); what it found it would have written.
in_time() {
	case $1 in
	*'Failing input written'* | *'seed corpus entry'* | *panic:* | *'terminated unexpectedly'*) return 1 ;;
	*'    context deadline exceeded'*) return 0 ;;
	esac
	return 1
}

# Only packages that have a target are built, each once.
folders=$(grep -rl --include='*_test.go' '^func Fuzz' . | grep -v /testdata/ | xargs -n 1 dirname | sort -u) || exit 1
count=0 failed=
for folder in $folders; do
	package=$(go list "$folder") || exit 1
	go test -c -vet=off -fuzz='^Fuzz' -o "$bin/test" "$folder" || exit 1
	listed=$(cd "$folder" && "$bin/test" -test.list='^Fuzz') || exit 1
	for target in $(echo "$listed" | grep '^Fuzz'); do
		count=$((count + 1))
		out=$(cd "$folder" && run "$target") && continue
		in_time "$out" && continue
		failed="$failed $package:$target"
		echo "$out"
	done
done
if [ -n "$failed" ]; then
	echo "fuzz: failed:$failed" >&2
	exit 1
fi
echo "fuzz: $count targets, $span each"
