# shellcheck shell=bash
# The job of torture-ext4, torture-xfs and the long ones: FS and ACTIONS are set.

. "$TOP/tests/target/io.sh"
. "$TOP/tests/target/outsiders.sh"

keep=$((32 << 20))

disk=$(scratch_disk 1)
poison_disk "$disk"
make_fs "$FS" "$disk"
# The limits of an owner other than root; ext4 does not hold fastloop to them.
options=()
case $FS in
ext4) never="clone dedupe lease remount" ;;
xfs) never="journal lease remount" ;;
esac
[ "$FS" != xfs ] || options=(-o uquota)
mount_fs "$disk" $fs -t "$FS" "${options[@]}"
truncate -s $keep $img
chown 1000 $img
fl_create dev $img
assert_eq direct "$(status_mode dev)"
hammer_start io -f 64 rw:$dev cache:$img
torture -n "$ACTIONS" -S 7 -d dev $img $keep >actions.log
cat actions.log
hammer_stop io
# Each of them has been done, but for what a file that is open for writing, or this file
# system, does not take. In a short run it may be chance.
if [ "$ACTIONS" -ge 10000 ]; then
	refused=$(awk '$2 == 0 && $3 == "refused" && $4 { print $1 }' actions.log | sort | xargs)
	assert_eq "$never" "$refused" "what was always refused"
fi
# A fifth of that again, some of which makes writes fail.
hammer_start io -E -f 64 rw:$dev cache:$img
torture -n $((ACTIONS / 5)) -S 8 -d dev -e "$disk" $img $keep >errors.log
cat errors.log
assert_match 'immutable [1-9]' "$(cat errors.log)"
[ "$FS" != xfs ] || assert_match 'quota [1-9]' "$(cat errors.log)"
hammer_stop io
hammer_start io -f 64 rw:$dev cache:$img
# XFS calls a file shared until its last owner has said that it is not.
[ "$FS" != xfs ] || xfs_io -c "funshare 0 $keep" $img
wait_mode dev direct 60
flowing dev
dmsetup status dev
assert_ge "$(status_field dev recalls)" $((ACTIONS / 40)) recalls
finish
umount $fs
