# shellcheck shell=bash
# What the scripts that build and boot kernels share: the cache, its locks,
# and the packages of the machine. Sourced, never run.

# shellcheck disable=SC2034 # used by who sources this
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/dm-fastloop
JOBS=${JOBS:-$(nproc)}

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

note() {
	printf '%s\n' "${0##*/}: $*" >&2
}

# as_root COMMAND…: packages need root; everything else here does not ask.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "needs root to run '$*', and sudo is not installed: run this as root, or install the packages yourself"
	fi
}

# locked NAME COMMAND…: run it while holding the cache's lock of that name, so
# that two builders of one thing do not meet.
locked() {
	local name=$1 fd rc
	shift

	mkdir -p "$CACHE/locks"
	exec {fd}>"$CACHE/locks/$name"
	flock -n "$fd" || {
		note "waiting for another user of $name"
		flock "$fd"
	}
	# The lock must not outlive us in a daemon that the command leaves.
	"$@" {fd}>&-
	rc=$?
	exec {fd}>&-
	return $rc
}

# missing_packages PACKAGE…: those that are not installed, a line each.
missing_packages() {
	local p

	for p; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] ||
			printf '%s\n' "$p"
	done
}

# install_packages PACKAGE…: under the lock, behind which another guest that
# was being started may have installed them already. Anybody else's apt, the
# machine's daily one say, is waited for: by apt itself, but for the lists.
install_packages() {
	local missing=()

	mapfile -t missing < <(missing_packages "$@")
	[ "${#missing[@]}" -gt 0 ] || return 0
	note "installing ${missing[*]}"
	as_root apt-get -q update >&2 ||
		{ sleep 30 && as_root apt-get -q update >&2; } ||
		note "apt-get update failed, going on with the lists that are there"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		-o DPkg::Lock::Timeout=600 \
		install --no-install-recommends "${missing[@]}" >&2 ||
		die "cannot install ${missing[*]}"
}

# need_packages PACKAGE…: install those that are missing, ask nobody.
need_packages() {
	[ -z "$(missing_packages "$@")" ] || locked packages install_packages "$@"
}

# complete DIR: an entry of the cache is valid once its stamp is there; an
# interrupted build has none and is begun again.
complete() {
	[ -e "$1/.complete" ]
}
