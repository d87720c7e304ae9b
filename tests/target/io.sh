# shellcheck shell=bash
# What tests of I/O share: the hammer, which checks every sector; outsiders and
# how long they wait. Sourced after tests/lib.sh.

PATH=$TOP/build/tests:$PATH
for _program in hammer outsider; do
	command -v $_program >/dev/null ||
		fail "no $_program: run tests/programs on the host first"
done

# No call of an outsider may take longer; where everything is checked, ten times that.
OUTSIDER_LIMIT_MS=1000
[[ $(uname -r) != *debug* ]] || OUTSIDER_LIMIT_MS=10000
# No I/O may hang; anything under this is the machine's business.
declare -A HAMMERS=()

# hammer_start NAME ARGUMENT…: in the background, with a shadow kept in
# NAME.shadow, until hammer_stop. It takes the time that the test itself leaves it.
hammer_start() {
	local name=$1
	shift
	nice -n 19 hammer -s "$PWD/$name.shadow" "$@" >"$name.log" 2>&1 &
	HAMMERS[$name]=$!
	cleanup hammer_kill "$name"
}

hammer_alive() {
	kill -0 "${HAMMERS[$1]}" 2>/dev/null
}

# hammer_stop NAME: it finishes, checks everything and has found nothing wrong.
hammer_stop() {
	local name=$1 rc=0 pid=${HAMMERS[$1]}
	kill -TERM "$pid" 2>/dev/null || :
	wait "$pid" || rc=$?
	unset "HAMMERS[$name]"
	sed "s/^/$name: /" "$name.log"
	[ "$rc" -eq 0 ] || fail "hammer $name returned $rc"
}

# hammer_finish NAME: the same for one that ends by itself.
hammer_finish() {
	local name=$1 rc=0
	wait "${HAMMERS[$1]}" || rc=$?
	unset "HAMMERS[$name]"
	sed "s/^/$name: /" "$name.log"
	[ "$rc" -eq 0 ] || fail "hammer $name returned $rc"
}

hammer_kill() {
	local pid=${HAMMERS[$1]-}
	[ -n "$pid" ] || return 0
	kill -KILL "$pid"
	wait "$pid"
	tail -n 5 "$1.log"
} 2>/dev/null

# hammer_check NAME VIEW…: every view shows what hammer NAME has written.
hammer_check() {
	local name=$1
	shift
	hammer -c -s "$PWD/$name.shadow" "$@" >"$name.log" 2>&1 || {
		cat "$name.log"
		fail "contents are not what $name has written: $*"
	}
}

# hammer_check_part NAME START LENGTH FILE OFFSET: that part of what NAME has
# written is in the file at OFFSET.
hammer_check_part() {
	hammer -c -s "$PWD/$1.shadow" -r "$2:$3" "cache+$(($5 - $2)):$4"
}

# ios NAME [KEY…]: how many I/Os the device has done in these ways; _ios: in _IOS.
ios() {
	_ios "$@"
	echo "$_IOS"
}

_ios() {
	local name=$1 sum=0 found=0 word
	shift
	[ $# -gt 0 ] || set -- remapped_reads remapped_writes zero_reads fills \
		file_reads file_writes
	_status "$name"
	for word in "${_STATUS[@]:5}"; do
		case " $* " in
		*" ${word%%:*} "*) sum=$((sum + ${word#*:})) found=$((found + 1)) ;;
		esac
	done
	[ $found -eq $# ] || fail "the status of $name has not all of: $*"
	_IOS=$sum
}

_ios_reach() {
	local count=$1
	shift
	_ios "$@"
	[ "$_IOS" -ge "$count" ]
}

# wait_ios COUNT NAME [KEY…]: so many more, however long a slow machine takes for them,
# as long as there are some: fifty in ten seconds, in sixty where everything is checked.
wait_ios() {
	local count=$1 end step=50 limit=10
	[[ $(uname -r) != *debug* ]] || limit=60
	shift
	_ios "$@"
	end=$((_IOS + count))
	while [ "$_IOS" -lt "$end" ]; do
		[ $((end - _IOS)) -ge $step ] || step=$((end - _IOS))
		wait_until $limit _ios_reach $((_IOS + step)) "$@"
	done
}

# flowing NAME: I/O is going straight to the disk.
flowing() {
	wait_mode "$1" direct 40
	wait_ios 20 "$1" remapped_reads remapped_writes
}

# settled: dev is direct, with I/O going to the disk, and the lease is older than the
# second under which it would count as one that does not last, and come back later.
# Until then nothing is to be seen: the hammers leave the machine to others.
settled() {
	flowing dev
	kill -STOP "${HAMMERS[@]}"
	nap 1.1
	kill -CONT "${HAMMERS[@]}"
	wait_ios 20 dev remapped_reads remapped_writes
	assert_eq direct "$(status_mode dev)"
}

# outsider_does ARGUMENT…: the outsider succeeds, and no call takes too long.
# All times are kept for latencies.
outsider_does() {
	local name us result
	outsider "$@" >outsider.out || {
		cat outsider.out
		fail "outsider $* failed"
	}
	while read -r name us result; do
		[ -n "$result" ] || continue
		echo "$us $1/$name" >>latencies
		[ "$us" -le $((OUTSIDER_LIMIT_MS * 1000)) ] ||
			fail "an outsider's $name ($1) took $us µs"
	done <outsider.out
}

# latencies: of all that outsiders have done.
latencies() {
	[ -e latencies ] || return 0
	sort -n latencies | awk '{ us[NR] = $1; what[NR] = $2 }
		END { m = int((NR + 1) / 2)
		      printf "outsiders: %d calls, median %.1f ms, worst %.1f ms (%s), then %.1f ms (%s)\n",
			NR, us[m] / 1000, us[NR] / 1000, what[NR],
			us[NR - 1] / 1000, what[NR - 1] }'
}

_recalls_above() {
	[ "$(status_field "$1" recalls)" -gt "$2" ]
}

# recalled_since NAME COUNT: the lease was recalled.
recalled_since() {
	wait_until 5 _recalls_above "$1" "$2"
}
