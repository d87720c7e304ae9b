# shellcheck shell=bash
# What outsiders-* and torture-* have in common: a file of 64 MiB, a part of it
# preallocated, with a device on it that is being hammered. Sourced after io.sh;
# FS is set.

fs=/mnt/fs
img=$fs/img
dev=/dev/mapper/dev
size=$((64 << 20))

begin() {
	disk=$(scratch_disk 1)
	poison_disk "$disk"
	mkfs_mount "$FS" "$disk" $fs "$@"
	truncate -s $size $img
	fallocate -o $((16 << 20)) -l $((16 << 20)) $img
	cleanup latencies
	fl_create dev $img
	assert_eq direct "$(status_mode dev)"
}

# The device and, through the file, what others see of it at the same time.
# The page cache is looked at less often than it would be with every view.
hammer_all() {
	hammer_start io -f 64 "$@" rw:$dev cache:$img mmap:$img splice:$img
}

# recalls ACTION…: the lease goes, and comes back.
recalls() {
	local before
	settled
	before=$(status_field dev recalls)
	outsider_does "$@"
	recalled_since dev "$before"
	hammer_alive io || hammer_stop io
}

# harmless ACTION…: it does not.
harmless() {
	local before
	flowing dev
	before=$(status_field dev recalls)
	outsider_does "$@"
	assert_eq "$before" "$(status_field dev recalls)" "recalls after $1"
	assert_eq direct "$(status_mode dev)"
	hammer_alive io || hammer_stop io
}

# Somebody keeps the file open for writing: file mode for as long.
hold_open() {
	local before line
	settled
	before=$(status_field dev recalls)
	coproc HOLD { outsider hold $img; }
	read -r line <&"${HOLD[0]}"
	echo "$line" | awk '{ print $2, "hold/open" }' >>latencies
	assert_le "$(echo "$line" | awk '{ print $2 }')" $((OUTSIDER_LIMIT_MS * 1000)) \
		"time to open in µs"
	recalled_since dev "$before"
	wait_ios 50 dev file_writes
	wait_until 5 eval '[ "$(status_reason dev)" = writers ]'
	assert_eq file "$(status_mode dev)"
	# shellcheck disable=SC2154 # set by coproc
	kill "$HOLD_PID"
	wait "$HOLD_PID" 2>/dev/null || :
	flowing dev
}

# What nobody can do without moving the lease, and what anybody can.
common_actions() {
	recalls open $img
	hold_open
	recalls nonblock $img
	recalls truncate $img $((size + (1 << 20)))
	recalls truncate $img $size
	recalls ftruncate $img $((size + 4096))
	recalls ftruncate $img $size
	recalls chmod $img 0640
	recalls utimes $img
	recalls link $img $fs/other-name
	recalls rename $img $fs/new-name
	recalls rename $fs/new-name $img
	recalls unlink $fs/other-name
	# FALLOC_FL_KEEP_SIZE beyond the end, and PUNCH_HOLE of it again.
	recalls fallocate $img 1 $((size + 65536)) $((4 << 20))
	recalls fallocate $img 3 $((size + 65536)) $((4 << 20))
	harmless read $img
	harmless mmap $img
	harmless sendfile $img
}

# The device goes; what it said is what the file says, now and from the disk.
finish() {
	hammer_stop io
	fl_remove dev
	hammer_check io cache:$img
	umount $fs
	check_fs "$FS" "$disk"
	mount "$disk" $fs
	hammer_check io cache:$img
}
