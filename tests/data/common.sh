# shellcheck shell=bash
# What the tests of data, fs and target share: jobs that write a whole device,
# a model to check it against, and ways to look at all that is stored.
# Sourced after tests/lib.sh.

PATH=$TOP/build/tests:$PATH
for _program in model_io only_bytes; do
	command -v $_program >/dev/null ||
		fail "no $_program: run tests/programs on the host first"
done

# Sizes from a sector to 1 MiB, most of them small, no two alike in alignment.
MIXED=512/20:1536/10:4k/30:12k/20:64k/15:1m/5
MIXED_4K=4k/40:12k/30:64k/20:1m/10

# run_fio FILE [OPTION]…: direct, quietly; its output if it fails.
run_fio() {
	local file=$1
	shift
	fio --name=job --filename="$file" --direct=1 --ioengine=libaio \
		--iodepth=16 --verify_state_save=0 --output=fio.log "$@" ||
		{
			tail -n 40 fio.log
			fail "fio failed on $file"
		}
}

# mixed_writes DEV SEED [FIO OPTION]…: writes all of it in mixed sizes and in no
# order, then reads it back and verifies it.
mixed_writes() {
	local dev=$1 seed=$2 sizes=$MIXED
	shift 2
	[ "$(blockdev --getss "$dev")" = 512 ] || sizes=$MIXED_4K
	run_fio "$dev" --rw=randwrite --bssplit="$sizes" --verify=crc32c \
		--randseed="$seed" "$@"
}

# sum FILE|DEVICE: from the cache or the disk. sum_direct: from the disk.
sum() {
	md5sum <"$1"
}

sum_direct() {
	dd if="$1" bs=1M iflag=direct status=none | md5sum
}

# uncache FILE: what is read next comes from the disk. Not with drop_caches: all
# programs would have to be read again, and guests are slow at that.
uncache() {
	sync "$1"
	dd if="$1" iflag=nocache count=0 status=none
}

# pages_swapped_out: since the guest has started.
pages_swapped_out() {
	awk '$1 == "pswpout" { print $2 }' /proc/vmstat
}

# look NAME: its status, in STATUS and by key in ST (mode and reason too). One
# process, since processes are what takes time here.
STATUS=
declare -A ST=()
look() {
	local words word
	STATUS=$(dmsetup status "$1")
	read -ra words <<<"$STATUS"
	ST=([mode]=${words[3]} [reason]=${words[4]})
	for word in "${words[@]:5}"; do
		ST[${word%%:*}]=${word#*:}
	done
}

# was WORD…: the status last looked at had this mode (direct, or file:REASON)
# and these KEY=VALUE, KEY>VALUE or KEY<VALUE.
was() {
	local word key value
	for word; do
		case $word in
		*=*) key=${word%%=*} value=${word#*=} ;;
		*'>'*) key=${word%%>*} value=${word#*>} ;;
		*'<'*) key=${word%%<*} value=${word#*<} ;;
		*) key=mode value=$word ;;
		esac
		case $word in
		direct) [ "${ST[mode]}${ST[reason]}" = direct- ] ;;
		*=*) [ "${ST[$key]}" = "$value" ] ;;
		*'>'*) [ "${ST[$key]}" -gt "$value" ] ;;
		*'<'*) [ "${ST[$key]}" -lt "$value" ] ;;
		*) [ "${ST[mode]}:${ST[reason]}" = "$value" ] ;;
		esac || fail "wanted $word: $STATUS"
	done
}

# is NAME WORD…: now.
is() {
	look "$1"
	shift
	was "$@"
}

# same_in_loop FILE SUM: loop sees it too.
same_in_loop() {
	local dev
	dev=$(losetup --find --show --read-only "$1")
	assert_eq "$2" "$(sum_direct "$dev")" "what loop reads of $1"
	losetup -d "$dev"
}

# poison_free_blocks DIR: what the file system gives out next held 0xa5 in a
# file that is deleted by now.
poison_free_blocks() {
	xfs_io -f -c "pwrite -q -S 0xa5 -b 1m 0 ${2:-48M}" "$1/poison"
	sync -f "$1/poison"
	rm "$1/poison"
	sync -f "$1"
}

# random_file FILE BYTES: contents that no two blocks of share.
random_file() {
	seq 1000000000 9999999999 2>/dev/null | head -c "$2" >"$1" ||
		[ "${PIPESTATUS[1]}" = 0 ]
}

# shape FILE: lines "punch|allocate|write OFFSET LENGTH" on standard input.
shape() {
	python3 "$TOP/tests/data/shape.py" "$1"
}

# model_run DEV MODEL [OPTION]…: random I/O, checked; see model_io.c.
model_run() {
	local dev=$1 model=$2
	shift 2
	model_io "$@" "$dev" "$model" || fail "model_io $* found $dev wrong"
}

# model_check NAME FILE [OFFSET [SECTORS]] [-- OPTION]…: maps the file, does
# random I/O to the device, and compares the device with a model and the whole
# file with a copy that was changed in the same way: while mapped, afterwards,
# and afterwards from the disk. The status before it was removed: see was.
model_check() {
	local name=$1 file=$2 offset=0 sectors=
	shift 2
	[ $# = 0 ] || [ "$1" = -- ] || { offset=$1; shift; }
	[ $# = 0 ] || [ "$1" = -- ] || { sectors=$1; shift; }
	[ $# = 0 ] || shift
	[ -n "$sectors" ] || sectors=$((($(stat -c %s "$file") - offset) / 512))

	cp --sparse=always "$file" model
	[ -e "/dev/mapper/$name" ] || fl_create "$name" "$file" "$offset" "$sectors"
	assert_eq "$sectors" "$(blockdev --getsz "/dev/mapper/$name")" "size"
	model_run "/dev/mapper/$name" model -o "$offset" "$@"
	cmp "$file" model || fail "$file while mapped is not as it should be"
	look "$name"
	fl_remove "$name"
	cmp "$file" model || fail "$file is not as it should be"
	uncache "$file"
	cmp "$file" model || fail "$file on the disk is not as it should be"
}
