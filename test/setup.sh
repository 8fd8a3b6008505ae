#!/bin/sh
# Gets what the tests need beside Go: on Debian and its relatives, as root, with apt-get; elsewhere it says what is
# missing and what is not tested for that. It never fails: a test that cannot do without something says so itself.
#
#   test/setup.sh              look, and install what is missing
#   test/setup.sh --can-race   exit 0 if this machine can build for the race detector, else say why not
set -u

# works COMMAND... runs it without a word.
works() { "$@" >/dev/null 2>&1; }

# One need a line: what is not tested without it | the command that shows it is there | Debian's packages.
needs() {
	cat <<-'LIST'
		the race detector|c_compiler|gcc libc6-dev
		scripts that log in with curl|curl --version|curl
		the commands of docs/operating.md|sqlite3 --version|sqlite3
		the gate behind a real nginx|nginx -v|nginx-light
		the gate behind a real Caddy|caddy version|caddy
		the gate behind a real HAProxy|haproxy -v|haproxy
		the gate behind a real Apache|apache_lua|apache2-bin lua-socket
		the console in a browser|chromium --version|chromium
		clients in PHP|php_client|php-cli php-curl php-soap php-xml
		clients in Python|python3 --version|python3
		clients in JavaScript|node --version|nodejs
		clients in JavaScript, npm|npm --version|npm
		the store in PostgreSQL|has_postgres|postgresql
		the store behind PgBouncer|has_pgbouncer|pgbouncer
		the store in three PostgreSQL servers|has_patroni|patroni etcd-server
		completion in bash|test -e /usr/share/bash-completion/bash_completion|bash-completion
		completion in zsh|zsh --version|zsh
		completion in fish|fish --version|fish
	LIST
}

# has_postgres, has_pgbouncer, has_patroni: Debian keeps some of them out of most users' PATH.
has_postgres() {
	works command -v initdb || works ls /usr/lib/postgresql/*/bin/initdb
}
has_pgbouncer() {
	works command -v pgbouncer || works test -x /usr/sbin/pgbouncer
}
has_patroni() { works command -v patroni && works command -v etcd; }

# php_client: PHP without these extensions is of no use.
php_client() { php -r 'exit(extension_loaded("curl") && extension_loaded("soap") && extension_loaded("simplexml") ? 0 : 1);'; }

# apache_lua: Apache asks the gate with LuaSocket.
apache_lua() { apache2 -v && [ -e /usr/share/lua/5.3/socket.lua ]; }

# npm_packages gets what the clients in JavaScript need, as locked. It goes where Go does not look for packages.
npm_packages() {
	from=$(dirname "$0")/interop to=$(dirname "$0")/../.cache/interop
	cmp -s "$from/package-lock.json" "$to/installed.json" && return
	if ! works npm --version; then return; fi # reported above
	mkdir -p "$to" && cp "$from/package.json" "$from/package-lock.json" "$to" &&
		log=$(npm ci --prefix "$to" --ignore-scripts --no-audit --no-fund 2>&1) &&
		cp "$from/package-lock.json" "$to/installed.json" && return
	echo "setup: skipped clients in JavaScript: npm could not install their packages: $(echo "$log" | tail -n 1)"
}

# c_compiler: a compiler without libc's headers is of no use.
c_compiler() {
	out=$(mktemp -d) || return 1
	printf '#include <stdlib.h>\nint main(void) { return 0; }\n' >"$out/a.c"
	"$(go env CC)" -o "$out/a" "$out/a.c"
	status=$?
	rm -rf "$out"
	return $status
}

# can_race asks Go itself, which also knows on which systems there is no race detector. A missing compiler was reported
# before.
can_race() {
	works c_compiler || return 1
	if reason=$(CGO_ENABLED=1 go build -race runtime/race runtime/cgo 2>&1); then
		return 0
	fi
	echo "setup: skipped the race detector: $(echo "$reason" | tail -n 1)"
	return 1
}

# missing prints the needs that are not met.
missing() {
	needs | while IFS='|' read -r what probe packages; do
		# shellcheck disable=SC2086 # the probe is a command and its arguments
		works $probe || echo "$what|$packages"
	done
}

# why_not says why nothing can be installed here, or nothing.
why_not() {
	if ! works command -v apt-get; then
		echo "there is no apt-get here"
	elif [ "$(id -u)" -ne 0 ]; then
		echo "apt-get needs root"
	fi
}

# no_daemons keeps packages from starting the servers they bring: tests start their own. A policy that is there already
# stays.
no_daemons() {
	[ -e /usr/sbin/policy-rc.d ] && return
	printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d && trap 'rm -f /usr/sbin/policy-rc.d' EXIT
}

# install PACKAGE...; what apt-get has to say is shown only if it fails.
install() {
	log=$(mktemp) || return 1
	export DEBIAN_FRONTEND=noninteractive
	no_daemons
	apt-get -q -o DPkg::Lock::Timeout=60 update >"$log" 2>&1 &&
		apt-get -q -y -o DPkg::Lock::Timeout=60 install --no-install-recommends "$@" >"$log" 2>&1
	status=$?
	[ $status -eq 0 ] || tail -n 3 "$log"
	rm -f "$log"
	return $status
}

if [ "${1-}" = --can-race ]; then
	can_race
	exit
fi

# packages gets what is missing from the distribution.
packages() {
	lack=$(missing)
	[ -n "$lack" ] || return
	packages=$(echo "$lack" | cut -d'|' -f2 | tr '\n' ' ')
	reason=$(why_not)
	if [ -z "$reason" ]; then
		echo "setup: installing $packages"
		# shellcheck disable=SC2086 # several packages
		install $packages
		lack=$(missing)
		reason="apt-get could not install it"
	fi
	[ -z "$lack" ] || echo "$lack" | while IFS='|' read -r what packages; do
		echo "setup: skipped $what: $reason (Debian: $packages)"
	done
}

packages
npm_packages
exit 0
