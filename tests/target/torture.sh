# shellcheck shell=bash
# The job of torture-ext4 and torture-xfs: FS is set. TORTURE_ACTIONS says how
# many; a long run is TORTURE_ACTIONS=10000.

. "$TOP/tests/target/io.sh"
. "$TOP/tests/target/outsiders.sh"

keep=$((32 << 20))
actions=${TORTURE_ACTIONS:-200}

disk=$(scratch_disk 1)
poison_disk "$disk"
make_fs "$FS" "$disk"
# The limits of an owner other than root; ext4 does not hold fastloop to them.
options=()
[ "$FS" != xfs ] || options=(-o uquota)
mount_fs "$disk" $fs -t "$FS" "${options[@]}"
truncate -s $keep $img
chown 1000 $img
fl_create dev $img
assert_eq direct "$(status_mode dev)"
hammer_start io -f 64 rw:$dev cache:$img
torture -n "$actions" -S 7 -d dev $img $keep
hammer_stop io
# A fifth of that again, some of which makes writes fail.
hammer_start io -E -f 64 rw:$dev cache:$img
torture -n $((actions / 5)) -S 8 -d dev -e "$disk" $img $keep >errors.log
cat errors.log
assert_match 'immutable [1-9]' "$(cat errors.log)"
hammer_stop io
hammer_start io -f 64 rw:$dev cache:$img
# XFS calls a file shared until its last owner has said that it is not.
[ "$FS" != xfs ] || xfs_io -c "funshare 0 $keep" $img
wait_mode dev direct 60
flowing dev
dmsetup status dev
assert_ge "$(status_field dev recalls)" $((actions / 40)) recalls
finish
umount $fs
