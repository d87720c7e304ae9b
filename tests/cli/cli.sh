# shellcheck shell=bash
# What the tests of dmlosetup share. Sourced after tests/lib.sh.

# Where devices come from: an ext4 on the first disk.
IMAGES=/mnt/images
ERR=$PWD/stderr

cli_setup() {
	command -v dmlosetup >/dev/null || fail "dmlosetup is not built"
	mkfs_mount "${1:-ext4}" "$(scratch_disk 1)" "$IMAGES"
	cleanup nothing_left
	cd "$IMAGES" || return
}

# Every test ends without devices, whatever it did. One that leaves what "dmlosetup
# -D" does not take away has failed.
nothing_left() {
	local names
	cd /
	release
	dmlosetup -D || rc=1
	udevadm settle
	names=$(dm_names)
	if [ -n "$names" ]; then
		echo "left behind: $names" >&2
		# Of the function that runs the clean-ups.
		rc=1
	fi
	dmsetup remove_all --force --deferred >/dev/null 2>&1
}

# image NAME [SIZE]: a sparse file.
image() {
	truncate -s "${2:-8M}" "$1"
}

# attach ARGUMENT…: into $DEV; detached at the latest when the test ends.
attach() {
	# shellcheck disable=SC2034 # for the test
	DEV=$(dmlosetup -f --show "$@")
}

# The names of all device-mapper devices, sorted, in one line. With few processes, as
# they are what takes time in a guest.
dm_names() {
	local name rest names=()

	while read -r name rest; do
		[ "$name $rest" = "No devices found" ] || names+=("$name")
	done < <(dmsetup ls)
	[ "${#names[@]}" -lt 2 ] ||
		mapfile -t names < <(printf '%s\n' "${names[@]}" | sort -V)
	echo "${names[*]}"
}

# refused MESSAGE COMMAND…: it fails with 1, says just this on stderr after the
# program's name, and nothing on stdout. MESSAGE is a glob.
refused() {
	local want=$1 rc=0 out got
	shift
	out=$("$@" 2>"$ERR") || rc=$?
	got=$(<"$ERR")
	assert_eq 1 "$rc" "status of $*"
	assert_eq "" "$out" "output of $*"
	# shellcheck disable=SC2053
	[[ $got == ${1##*/}": "$want ]] ||
		fail "$*: wanted '${1##*/}: $want', got '$got'"
}

# failing_at COUNT ERROR COMMAND…: its COUNT-th ioctl fails.
failing_at() {
	local count=$1 error=$2
	shift 2
	strace -qq -o /dev/null -e trace=ioctl \
		-e "inject=ioctl:error=$error:when=$count" "$@"
}

# silent COMMAND…: it succeeds and says nothing.
silent() {
	local got
	got=$("$@" 2>&1) || fail "$* returned $?: $got"
	assert_eq "" "$got" "output of $*"
}

# column DEV NAME: one value of the list.
column() {
	local value
	value=$(dmlosetup -nl -O "$2" "$1") || return
	value=${value#"${value%%[! ]*}"}
	echo "${value%"${value##*[! ]}"}"
}

# hold DEV: keeps it open; release lets it go.
hold() {
	exec 9<"$1"
}

release() {
	exec 9<&-
}

is_gone() {
	[ ! -e "$1" ] && [ ! -L "$1" ] &&
		! dmsetup info "${1#/dev/mapper/}" >/dev/null 2>&1
}
