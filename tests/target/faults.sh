# shellcheck shell=bash
# Allocations that fail, by failslab of the debug kernel. Those of caches that were named
# at boot (slub_debug=A,NAME…) can be singled out. Sourced after tests/lib.sh.

FAILSLAB=/sys/kernel/debug/failslab
FAULTS=1000000			# more than there will be
[ -d $FAILSLAB ] || skip "this kernel injects no faults"

# faults PERCENT [KEY=VALUE]…: of the allocations that tasks make which were given to
# faults_hit fail so many. Those that may not wait, unless ignore-gfp-wait=N; of those
# caches, with cache-filter=Y.
faults() {
	local percent=$1 setting
	shift
	for setting in verbose=0 task-filter=Y cache-filter=N ignore-gfp-wait=Y interval=1 \
		space=0 times=$FAULTS "$@"; do
		echo "${setting#*=}" >"$FAILSLAB/${setting%%=*}"
	done
	echo "$percent" >$FAILSLAB/probability
	cleanup no_faults
}

no_faults() {
	echo 0 >$FAILSLAB/probability
}

# faults_injected: since faults was called.
faults_injected() {
	echo $((FAULTS - $(<$FAILSLAB/times)))
}

# faults_hit PID…, and what they start from now on. One that has gone is not missed.
faults_hit() {
	local pid
	for pid; do
		echo 1 2>/dev/null >"/proc/$pid/make-it-fail" || [ ! -d "/proc/$pid" ]
	done
}

# tasks_named PATTERN: their numbers.
tasks_named() {
	local file name
	for file in /proc/[0-9]*/comm; do
		read -r name <"$file" || continue
		# shellcheck disable=SC2053 # is a pattern
		[[ $name != $1 ]] || echo "${file//[^0-9]/}"
	done 2>/dev/null
}
