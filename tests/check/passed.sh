# shellcheck shell=bash
# Checks that say of the same files what they said before. Sourced after
# tests/vm/lib.sh.

# unless_passed VERSION FILE…: ends the check, which has passed, if that version of what
# checks, this script and these files have passed before. If not, and it passes now, it
# will have.
unless_passed() {
	PASSED=$CACHE/passed-${0##*/}
	SUMS=$(
		echo "$1"
		cd "$TOP"
		sha256sum "tests/check/${0##*/}" "${@:2}"
	)
	if [ "$SUMS" = "$(cat "$PASSED" 2>/dev/null)" ]; then
		echo "the same had passed"
		exit 0
	fi
	trap '[ $? -ne 0 ] || remember' EXIT
}

remember() {
	mkdir -p "$CACHE"
	echo "$SUMS" >"$PASSED.$$"
	mv "$PASSED.$$" "$PASSED"
}
