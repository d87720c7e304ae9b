# shellcheck shell=bash
# Free blocks hold 0xa5; no byte of it may come to light. See stale_job.

DATA='\000\132'		# what may be seen: nothing, and the 0x5a that is written

# Both are read over and over, as long as the writer runs.
stale_watch() {
	local writer=$1 image=$2 rounds=0
	while kill -0 "$writer" 2>/dev/null; do
		only_bytes /dev/mapper/dev "$DATA"
		only_bytes "$image" "$DATA"
		dd if=/dev/mapper/dev bs=64k iflag=direct status=none of=now
		only_bytes now "$DATA"
		rounds=$((rounds + 1))
	done
	assert_ge $rounds 1 "rounds of reading while it was written"
}

# stale_check IMAGE: reads all of it before, while and after parts of it are
# written, by device and file, mapped and not.
stale_check() {
	local image=$1 writer holes

	fl_create dev "$image"
	only_bytes /dev/mapper/dev "$DATA"
	is dev direct
	holes=${ST[holes]}
	only_bytes "$image" "$DATA"

	# A third of it, in pieces of 512 bytes to 64 KiB, four at a time.
	run_fio /dev/mapper/dev --rw=randwrite --numjobs=2 --iodepth=4 \
		--bssplit=512/50:3584/20:4k/15:9k/10:64k/5 --io_size=512k \
		--buffer_pattern=0x5a --group_reporting &
	writer=$!
	stale_watch $writer "$image"
	wait $writer
	is dev direct file_writes=0
	# FAT has no holes to fill.
	[ "$holes" = 0 ] || was fills\>0

	only_bytes /dev/mapper/dev "$DATA"
	only_bytes "$image" "$DATA"
	fl_remove dev
	only_bytes "$image" "$DATA"
	uncache "$image"
	only_bytes "$image" "$DATA"
	assert_ge "$(tr -cd '\132' <"$image" | wc -c)" 262144 "bytes written"
}

# stale_job FS [MKFS OPTION]…: sparse, preallocated and partly written images
# that end within a block.
stale_job() {
	local fs=$1 disk image size=$(((3 << 20) + 700))
	shift
	disk=$(scratch_disk 2)
	poison_disk "$disk"
	mkfs_mount "$fs" "$disk" /mnt/fs "$@"
	poison_free_blocks /mnt/fs

	truncate -s $size /mnt/fs/sparse
	truncate -s $size /mnt/fs/partly
	fio --name=partly --filename=/mnt/fs/partly --rw=randwrite \
		--bssplit=512/50:4k/50 --io_size=256k --size=3M --ioengine=psync \
		--buffer_pattern=0x5a --end_fsync=1 --output=fio.log
	for image in sparse partly; do
		stale_check /mnt/fs/$image
	done
	if fallocate -l $size /mnt/fs/preallocated 2>/dev/null; then
		stale_check /mnt/fs/preallocated
	fi
	umount /mnt/fs
	check_fs "$fs" "$disk"
}
