# shellcheck shell=bash
# What the tests of killed programs share. Sourced after cli.sh.

need strace sfdisk

# every N: each run tries every Nth place, from another one on; KILLED_EVERY=1 all.
every() {
	every=${KILLED_EVERY:-$1}
	first=$((RANDOM % every))
	echo "every ${every}th place, from $((first + 1)) on"
}

# points COMMAND…: where to kill it, "NAME COUNT" each: at the COUNT-th system call
# of that name. All calls that can change anything outside of the program, from
# the first that has to do with the device-mapper: killed at any other, it leaves
# what it leaves at the next one of these.
points() {
	strace -o trace "$@" >/dev/null
	awk -F '(' '/^[a-z]/ { n[$1]++; if (/\/dev\/mapper\/control/) on = 1 }
		on && /^(ioctl|sem[a-z]*|mknod|mknodat|unlink|symlink|write|mount|ftruncate|fallocate)\(/ {
			print $1, n[$1] }' trace |
		awk -v every="$every" -v first="$first" '
			{ place[NR] = $0 }
			END {
				if (NR && NR < every)
					first %= NR
				for (i = first + 1; i <= NR; i += every)
					print place[i]
			}'
}

# killed_at NAME COUNT COMMAND…
killed_at() {
	local name=$1 count=$2 rc=0
	shift 2
	{ strace -qq -f -o /dev/null -e "trace=$name" \
		-e "inject=$name:signal=KILL:when=$count" "$@" >/dev/null || rc=$?; } 2>/dev/null
	assert_eq 137 "$rc" "status of $* killed at $name $count"
}

is_live() {
	[[ $(dmsetup info "$1" 2>/dev/null) == *LIVE* ]]
}

# unfinished COMMAND…: is killed before its device has a table.
unfinished() {
	local count
	strace -o trace -e trace=ioctl "$@" >/dev/null
	dmlosetup -D
	count=$(awk '/DM_TABLE_LOAD/ { print NR; exit }' trace)
	killed_at ioctl "$count" "$@"
	assert_ne "" "$(dm_names)" "devices left"
	assert_eq "" "$(dmlosetup -l)" "devices in the list"
}

# What those have left for udev who do not wait for it any more.
drop_semaphores() {
	udevadm settle
	dmsetup udevcomplete_all -y >/dev/null
}
