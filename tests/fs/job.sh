# shellcheck shell=bash
# The job that every file system has to do: see fs_job.

# shellcheck source=tests/data/common.sh
. "$TOP/tests/data/common.sh"

# After the first pass the device has every block: nothing but remaps.
job_is_direct() {
	local fills file_reads writes reads

	is job direct holes=0 file_writes=0 recalls=0 \
		known="$(blockdev --getsz /dev/mapper/job)"
	fills=${ST[fills]} file_reads=${ST[file_reads]}
	writes=${ST[remapped_writes]} reads=${ST[remapped_reads]}

	mixed_writes /dev/mapper/job 2
	is job direct fills="$fills" file_reads="$file_reads" file_writes=0 \
		remapped_writes\>"$writes" remapped_reads\>"$reads" recalls=0
}

job_is_file() {
	mixed_writes /dev/mapper/job 2
	is job "file:$1" file_writes\>0 file_reads\>0 remapped_writes=0 \
		remapped_reads=0 extents=0
}

# fs_job DIR MODE [REASON]: a new image in DIR is written in mixed sizes, all of
# it twice, the second time in the mode expected; then the device, the file as
# others see it, the file on the disk, loop, and the device when mapped again
# agree.
fs_job() {
	local image=$1/image mode=$2 reason=${3:-} want

	truncate -s "${JOB_SIZE:-8M}" "$image"
	fl_create job "$image"
	is job "$mode${reason:+:$reason}"
	mixed_writes /dev/mapper/job 1
	if [ "$mode" = direct ]; then
		job_is_direct
	else
		job_is_file "$reason"
	fi

	want=$(sum_direct /dev/mapper/job)
	assert_eq "$want" "$(sum "$image")" "the file while mapped"
	fl_remove job
	assert_eq "$want" "$(sum "$image")" "the file afterwards"
	uncache "$image"
	assert_eq "$want" "$(sum "$image")" "the file on the disk"
	same_in_loop "$image" "$want"

	fl_create_ro job "$image"
	assert_eq "$want" "$(sum_direct /dev/mapper/job)" "mapped again"
	is job "$mode${reason:+:$reason}"
	[ "$mode" = file ] || was file_reads=0
	fl_remove job
}
