# shellcheck shell=bash
# Helpers for tests that run in a guest. A test is a bash script which starts
#
#	#!/bin/bash
#	# What it proves, in a sentence.
#	# guest: -d 2G -d 2G
#	. "$TOP/tests/lib.sh"
#
# and passes when it ends with 0. Its headers are explained in tests/run -h.
# Whatever these helpers make is undone when the test ends, last thing first.

set -eu -o pipefail
# A subshell's and a function's failure is a failure too.
set -E

ERR_SHOWN=
CLEANUPS=()

_on_error() {
	local i
	# A command substitution reports first, its caller need not repeat it.
	[ -z "$ERR_SHOWN" ] || return 0
	ERR_SHOWN=y
	echo "FAILED: '$2' returned $1" >&2
	for ((i = 1; i < ${#FUNCNAME[@]}; i++)); do
		echo "  at ${BASH_SOURCE[i]##*/}:${BASH_LINENO[i - 1]} ${FUNCNAME[i]}" >&2
	done
}
trap '_on_error $? "$BASH_COMMAND"' ERR

# cleanup COMMAND…: run it when the test ends, however it ends.
cleanup() {
	CLEANUPS+=("$(printf '%q ' "$@")")
}

_run_cleanups() {
	local rc=$? i

	trap - ERR
	set +e
	for ((i = ${#CLEANUPS[@]} - 1; i >= 0; i--)); do
		eval "${CLEANUPS[i]}"
	done
	exit "$rc"
}
trap _run_cleanups EXIT

fail() {
	ERR_SHOWN=y
	echo "FAILED: $*" >&2
	local i
	for ((i = 1; i < ${#FUNCNAME[@]}; i++)); do
		echo "  at ${BASH_SOURCE[i]##*/}:${BASH_LINENO[i - 1]} ${FUNCNAME[i]}" >&2
	done
	exit 1
}

# skip REASON: the runner reads the reason from the last line.
skip() {
	echo "SKIP: $*"
	exit 77
}

# need PROGRAM…: fail where there is none; tests/packages installs them all.
# need_fs TYPE, need_module NAME: skip where the kernel has none.
need() {
	local p
	for p; do
		command -v "$p" >/dev/null ||
			fail "no $p here: which package of tests/packages has it?"
	done
}

need_fs() {
	grep -qw "$1" /proc/filesystems || modprobe -q "$1" || skip "this kernel has no $1"
	need "mkfs.$1"
}

need_module() {
	modprobe -q "$1" || skip "this kernel has no $1"
}

# few_or_many FEW MANY: prints MANY with tests/run -a, otherwise FEW.
few_or_many() {
	if [ -n "${THOROUGH-}" ]; then
		echo "$2"
	else
		echo "$1"
	fi
}

# ---- assertions -------------------------------------------------------------

# assert COMMAND…: it succeeds. refute COMMAND…: it fails (with a status, not
# with a signal).
assert() {
	"$@" || fail "$* returned $?"
}

refute() {
	local rc=0
	"$@" || rc=$?
	[ "$rc" -ne 0 ] || fail "$* succeeded, and should not"
	[ "$rc" -lt 128 ] || fail "$* died with $rc"
}

# assert_eq WANT GOT [WHAT]
assert_eq() {
	[ "$1" = "$2" ] || fail "${3:-value}: wanted '$1', got '$2'"
}

assert_ne() {
	[ "$1" != "$2" ] || fail "${3:-value}: is '$1', and should not be"
}

assert_ge() {
	[ "$1" -ge "$2" ] || fail "${3:-value}: $1 is less than $2"
}

assert_le() {
	[ "$1" -le "$2" ] || fail "${3:-value}: $1 is more than $2"
}

# assert_match REGEX STRING [WHAT]
assert_match() {
	[[ $2 =~ $1 ]] || fail "${3:-value}: '$2' does not match '$1'"
}

# assert_same A B: files or devices have the same contents (the shorter counts
# with -n BYTES).
assert_same() {
	cmp "$@" || fail "contents differ: $*"
}

# assert_zero FILE OFFSET LENGTH, in bytes.
assert_zero() {
	cmp -n "$3" -i "$2:0" "$1" /dev/zero ||
		fail "$1 is not zero in $3 bytes at $2"
}

# nap SECONDS: as sleep does, but without a process, which takes longer in a guest than
# most naps.
exec {_NAP}<> <(:)
# LVM would speak of it.
export LVM_SUPPRESS_FD_WARNINGS=1
nap() {
	read -rt "$1" -u "$_NAP" || :
}

# set_size FILE BYTES: as truncate does; but it waits for a lease on the file, where
# truncate would give up.
set_size() {
	xfs_io -c "truncate $2" "$1"
}

# wait_until SECONDS COMMAND…: until it succeeds.
wait_until() {
	local end=$((SECONDS + $1)) limit=$1
	shift
	until "$@"; do
		[ "$SECONDS" -le "$end" ] || fail "not within $limit s: $*"
		nap 0.1
	done
}

# expect_dmesg REGEX [SECONDS]: the kernel has said it since the test began.
expect_dmesg() {
	local end=$((SECONDS + ${2:-5}))
	until dmesg | grep -qE -- "$1"; do
		[ "$SECONDS" -le "$end" ] || fail "the kernel did not say '$1'"
		nap 0.1
	done
}

refute_dmesg() {
	! dmesg | grep -E -- "$1" || fail "the kernel said '$1'"
}

# ---- disks and file systems -------------------------------------------------

# scratch_disk N: the device of the N-th disk (from 1) of the guest.
scratch_disk() {
	local letter=({a..z})
	local dev=/dev/vd${letter[$1 - 1]}
	[ -b "$dev" ] || fail "the guest has no disk $1: see '# guest:'"
	echo "$dev"
}

# poison_disk DEV: every byte 0xa5, which no test writes where it uses this, to find out
# who shows stale contents. File systems made after it must not discard (mkfs_mount does
# not).
poison_disk() {
	xfs_io -d -c "pwrite -q -S 0xa5 -b 4m 0 $(blockdev --getsize64 "$1")" "$1"
}

# make_fs TYPE DEV [OPTION]…: without discard, quietly, over whatever is there.
make_fs() {
	local type=$1 dev=$2
	shift 2
	need_fs "$type"
	case $type in
	ext2 | ext3 | ext4) "mkfs.$type" -q -F -E nodiscard "$@" "$dev" ;;
	xfs) mkfs.xfs -q -f -K "$@" "$dev" ;;
	btrfs) mkfs.btrfs -q -f -K "$@" "$dev" ;;
	f2fs) mkfs.f2fs -q -f -t 0 "$@" "$dev" ;;
	vfat) mkfs.vfat "$@" "$dev" >/dev/null ;;
	exfat) mkfs.exfat "$@" "$dev" >/dev/null ;;
	*) "mkfs.$type" "$@" "$dev" >/dev/null ;;
	esac
}

# mount_fs DEV DIR [OPTION]…: mounted until the test ends.
mount_fs() {
	local dev=$1 dir=$2
	shift 2
	mkdir -p "$dir"
	mount "$@" "$dev" "$dir"
	cleanup unmount "$dir"
}

# unwatched: udev does not look at devices when a writer has closed them, until the test
# ends; who is there already has to be triggered. Its queue is not stopped for that: it may
# never go on (systemd 252, when its workers have ended meanwhile, having nothing to do).
unwatched() {
	mkdir -p /run/udev/rules.d
	echo 'SUBSYSTEM=="block", OPTIONS:="nowatch"' >/run/udev/rules.d/00-unwatched.rules
	cleanup eval 'rm /run/udev/rules.d/00-unwatched.rules; udevadm control --reload'
	udevadm control --reload
}

# unmount DIR: if it is mounted. Who has ended may take a moment to let go of it.
unmount() {
	local tries
	for tries in {1..10}; do
		mountpoint -q "$1" || return 0
		umount "$1" && return
		echo "unmount: try $tries"
		sleep 1
	done
	return 1
}

# mkfs_mount TYPE DEV DIR [MKFS OPTION]…
mkfs_mount() {
	local type=$1 dev=$2 dir=$3
	shift 3
	make_fs "$type" "$dev" "$@"
	mount_fs "$dev" "$dir" -t "$type"
}

# check_fs TYPE DEV: fsck finds nothing to repair. The device is not mounted.
check_fs() {
	case $1 in
	ext2 | ext3 | ext4) e2fsck -fn "$2" ;;
	xfs) xfs_repair -n "$2" ;;
	btrfs) btrfs check --readonly "$2" ;;
	vfat) fsck.fat -n "$2" ;;
	exfat) fsck.exfat -n "$2" ;;
	f2fs) fsck.f2fs --dry-run "$2" ;;
	*) fail "check_fs: $1?" ;;
	esac >check_fs.log 2>&1 || {
		cat check_fs.log
		fail "$1 on $2 is damaged"
	}
}

# sectors_of FILE|DEVICE
sectors_of() {
	if [ -b "$1" ]; then
		blockdev --getsz "$1"
	else
		echo $(($(stat -L -c %s "$1") / 512))
	fi
}

# swap_disk NAME TABLE: what is under a file system, without a word to it; it would
# write first.
swap_disk() {
	dmsetup load "$1" --table "$2"
	dmsetup suspend --noflush --nolockfs "$1"
	dmsetup resume "$1"
}

# bad_sectors DISK FIRST COUNT: a table for all of the disk but these.
bad_sectors() {
	echo "0 $2 linear $1 0"
	echo "$2 $3 error"
	echo "$(($2 + $3)) $(($(blockdev --getsz "$1") - $2 - $3)) linear $1 $(($2 + $3))"
}

# whole_disk DISK: a table for all of it.
whole_disk() {
	echo "0 $(blockdev --getsz "$1") linear $1 0"
}

# ---- fastloop devices -------------------------------------------------------

# fl_quote PATH: in the table's first spelling, a backslash before each blank
# and backslash.
fl_quote() {
	local LC_ALL=C p=$1
	p=${p//\\/\\\\}
	p=${p// /\\ }
	p=${p//$'\t'/\\$'\t'}
	printf '%s' "${p//$'\xa0'/\\$'\xa0'}"
}

# fl_table FILE [OFFSET BYTES [SECTORS]]
fl_table() {
	local offset=${2:-0} sectors=${3:-}
	[ -n "$sectors" ] || sectors=$(($(sectors_of "$1") - offset / 512))
	echo "0 $sectors fastloop $(fl_quote "$(realpath -s "$1")") $offset"
}

# fl_create NAME FILE [OFFSET BYTES [SECTORS]]: /dev/mapper/NAME, until the test
# ends.
fl_create() {
	local name=$1
	shift
	dmsetup create "$name" --table "$(fl_table "$@")"
	cleanup fl_remove_if "$name"
}

fl_create_ro() {
	local name=$1
	shift
	dmsetup create "$name" --readonly --table "$(fl_table "$@")"
	cleanup fl_remove_if "$name"
}

fl_remove() {
	dmsetup remove --retry "$1"
}

fl_remove_if() {
	! dmsetup info "$1" >/dev/null 2>&1 || fl_remove "$1"
}

# _status NAME: the words of its first target's status, in _STATUS. One process, since processes are
# what takes time in a guest.
_status() {
	read -ra _STATUS < <(dmsetup status "${1#/dev/mapper/}")
}

# status_mode NAME, status_reason NAME, status_field NAME KEY (the value of
# KEY:value). NAME or /dev/mapper/NAME.
status_mode() {
	_status "$1"
	echo "${_STATUS[3]-}"
}

status_reason() {
	_status "$1"
	echo "${_STATUS[4]-}"
}

status_field() {
	local word
	_status "$1"
	for word in "${_STATUS[@]:5}"; do
		[ "${word%%:*}" != "$2" ] || { echo "${word#*:}"; return; }
	done
	fail "the status of $1 has no $2"
}

_mode_is() {
	_status "$1"
	[ "${_STATUS[3]-}" = "$2" ]
}

# wait_mode NAME MODE [SECONDS]
wait_mode() {
	wait_until "${3:-10}" _mode_is "$1" "$2"
}
