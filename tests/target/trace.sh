# shellcheck shell=bash
# What reaches a disk, seen by its own counters and by tracepoints at its queue;
# and how often the kernel calls a function. Sourced after tests/lib.sh.

TRACE=/sys/kernel/tracing

# disk_flushes DISK: cache flushes that it has completed.
disk_flushes() {
	awk '{ print $16 }' "/sys/class/block/${1#/dev/}/stat"
}

# _device_number DEV: sets _MAJOR, _MINOR, and _NUMBER, which is how tracepoints keep it.
_device_number() {
	read -r _MAJOR _MINOR < <(tr : ' ' <"/sys/class/block/$(basename "$(realpath "$1")")/dev")
	_NUMBER=$((_MAJOR << 20 | _MINOR))
}

# trace_bios DISK: from here on keep what is submitted to it.
trace_bios() {
	local dev=$TRACE/events/block/block_bio_queue
	[ -d $dev ] || skip "this kernel has no block tracepoints"
	_device_number "$1"
	echo "dev == $_NUMBER" >$dev/filter
	cleanup trace_end
	echo >$TRACE/trace
	echo 1 >$dev/enable
}

trace_end() {
	echo 0 >$TRACE/events/block/block_bio_queue/enable
	echo 0 >$TRACE/events/block/block_bio_queue/filter
}

# traced_bios: FLAGS SECTOR SECTORS of each since the last call, in order.
traced_bios() {
	sed -n 's/.*block_bio_queue: [0-9,]* \([A-Z]*\) \([0-9]*\) + \([0-9]*\) .*/\1 \2 \3/p' \
		$TRACE/trace
	echo >$TRACE/trace
}

# trace_order DEV DISK: from here on keep what is submitted to them, and what DEV has done.
trace_order() {
	local dev events=$TRACE/events/block
	[ -d $events ] || skip "this kernel has no block tracepoints"
	_device_number "$1"
	dev=$_NUMBER
	_device_number "$2"
	echo "dev == $dev || dev == $_NUMBER" >$events/block_bio_queue/filter
	echo "dev == $dev" >$events/block_bio_complete/filter
	cleanup trace_order_end
	echo >$TRACE/trace
	echo 1 >$events/block_bio_queue/enable
	echo 1 >$events/block_bio_complete/enable
	ORDER_DISK=$_MAJOR,$_MINOR
}

trace_order_end() {
	echo 0 >$TRACE/events/block/block_bio_complete/enable
	echo 0 >$TRACE/events/block/block_bio_complete/filter
	trace_end
}

# flushes_within SECTOR: how many DISK was sent while DEV had the FUA write to that
# sector under way. Nothing if there was no such write, or it did not end.
flushes_within() {
	awk -v disk="$ORDER_DISK" -v sector="$1" '
		!match($0, /block_bio_[a-z]*: /) { next }
		{ split(substr($0, RSTART), f, " ") }
		f[2] != disk && f[4] == sector && f[3] ~ /^F?WF/ {
			if (f[1] == "block_bio_complete:") {
				print flushes
				exit
			}
			flushes = 0
		}
		f[2] == disk && f[3] ~ /^F/ { flushes++ }' $TRACE/trace
	echo >$TRACE/trace
}

# count_calls FUNCTION…: from here on.
count_calls() {
	local f
	echo >$TRACE/kprobe_events
	for f; do
		echo "p:calls/$f $f" >>$TRACE/kprobe_events ||
			skip "this kernel does not let $f be counted"
	done
	cleanup count_end
	echo 1 >$TRACE/events/calls/enable
}

count_end() {
	[ -d $TRACE/events/calls ] || return 0
	echo 0 >$TRACE/events/calls/enable
	echo >$TRACE/kprobe_events
}

# calls_of FUNCTION: so far.
calls_of() {
	awk -v f="$1" '$1 == f { print $2 }' $TRACE/kprobe_profile
}
