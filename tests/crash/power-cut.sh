# shellcheck shell=bash
# The part of the power-cut tests that does not depend on the file system.
#
# The host file system lies on dm-log-writes, which keeps every write to the
# disk in the order in which it became durable. The log is replayed to a second
# disk, and after each point that a power cut could have left behind the file
# system is recovered there, in a snapshot which is thrown away, and every
# sector of the image compared with what had been promised by then.
# Sourced after tests/lib.sh; FS is set.

PATH=$TOP/build/tests:$PATH
for _program in promises replay-log outsider; do
	command -v $_program >/dev/null ||
		fail "no $_program: run tests/programs on the host first"
done

fs=/mnt/fs
disk=$(scratch_disk 1)
replay=$(scratch_disk 2)
third=$(scratch_disk 3)
cow=/dev/mapper/cow
snap=/dev/mapper/snap
sectors=$(blockdev --getsz "$disk")

make_host_fs() {
	case $FS in
	ext4) make_fs ext4 "$disk" -J size=4 ;;
	xfs) make_fs xfs "$disk" --unsupported ;;
	esac
	# What had been in its blocks is on the second disk, too.
	dd if="$disk" of="$replay" bs=4M iflag=direct oflag=direct status=none
}

# The third disk holds the log, and at its end what snapshots change.
set_up_log() {
	local all

	all=$(blockdev --getsz "$third")
	need_module dm-log-writes
	need_module dm-snapshot
	dmsetup create logdev --table "0 $((all - 131072)) linear $third 0"
	cleanup fl_remove_if logdev
	dmsetup create cow --table "0 131072 linear $third $((all - 131072))"
	cleanup fl_remove_if cow
	dmsetup create logged --table "0 $sectors log-writes $disk /dev/mapper/logdev"
	cleanup fl_remove_if logged
	mount_fs /dev/mapper/logged $fs
}

# An image of which part was written, and not synced, before the device is
# there; then writes and promises, some of them while others open the file.
write_image() {
	local promises=$1 i pid
	shift

	truncate -s 64M $fs/img
	"$@"
	outsider write $fs/img $((12 << 20)) $((4 << 20)) 1 >/dev/null
	fl_create dev $fs/img
	assert_eq direct "$(status_mode dev)"
	promises make /dev/mapper/dev logged ledger "$promises" &
	pid=$!
	for i in 1 2 3; do
		wait_mode dev direct 40
		wait_marks $((promises * i / 4)) $pid
		outsider open $fs/img >/dev/null
	done
	wait $pid || fail "promises make returned $?"
	dmsetup status dev
	assert_ge "$(status_field dev recalls)" 1 recalls
	fl_remove dev
	umount $fs
	fl_remove logged
}

_marks_are() {
	! kill -0 "$2" 2>/dev/null ||
		[ "$(stat -c %s ledger 2>/dev/null || echo 0)" -ge $(($1 * 200)) ]
}

# wait_marks COUNT PID: about so many promises have been made, or it has ended.
wait_marks() {
	wait_until 120 _marks_are "$1" "$2"
}

# recover_and_check POINT MARK: as after a power cut.
recover_and_check() {
	local point=$1 mark=$2
	local at="point $point, after promise $mark"

	mount -t "$FS" $snap $fs ||
		fail "$at: the file system does not come up"
	promises check $fs/img ledger "$mark" ||
		fail "$at: promises were broken"
	umount $fs
	if [ "$FS" = ext4 ] || [ $((checked % 8)) -eq 0 ]; then
		check_fs "$FS" $snap
	fi
	checked=$((checked + 1))
}

# check_point FROM POINT MARK: the second disk is at FROM. At every other point,
# some of the writes that had not been flushed are there nevertheless.
check_point() {
	local from=$1 point=$2 mark=$3 next=${4-}

	replay-log /dev/mapper/logdev "$replay" "$from" "$point"
	dmsetup create snap --table "0 $sectors snapshot $replay $cow N 8"
	if [ -n "$next" ]; then
		replay-log /dev/mapper/logdev $snap "$point" "$next" $RANDOM
	fi
	recover_and_check "$point" "$mark"
	fl_remove snap
}

# check_points COUNT: so many, evenly, out of all there are.
check_points() {
	local count=$1 point kind text from=0 mark='' i step
	local -a points=() marks=()

	cleanup fl_remove_if snap
	cleanup unmount $fs
	checked=0
	replay-log /dev/mapper/logdev >points
	while read -r point kind text; do
		[ "$kind" != mark ] || [ "$text" = dm-log-writes-end ] || mark=$text
		[ -n "$mark" ] || continue
		points+=("$point")
		marks+=("$mark")
	done <points
	assert_ge "${#points[@]}" "$count" "points in the log"
	step=$(((${#points[@]} - 1) / count))
	[ $step -gt 0 ] || step=1
	for ((i = 0; i < ${#points[@]} - 1; i += step)); do
		if [ $((i / step % 2)) -eq 0 ]; then
			check_point "$from" "${points[i]}" "${marks[i]}"
		else
			check_point "$from" "${points[i]}" "${marks[i]}" \
				"$((points[i + 1] - 1))"
		fi
		from=${points[i]}
	done
	echo "$FS: checked $checked of ${#points[@]} points"
	assert_ge "$checked" "$count" "points checked"
}

# power_cut COUNT PROMISES [COMMAND…]: COMMAND prepares the image.
power_cut() {
	local count=$1 promises=$2
	shift 2
	poison_disk "$disk"
	make_host_fs
	set_up_log
	write_image "$promises" "$@"
	check_points "$count"
	fl_remove cow
	fl_remove logdev
}
