# shellcheck shell=bash
# Checks that say of the same files what they said before. Sourced after
# tests/vm/lib.sh.

# unless_passed VERSION FILE…: ends the check, which has passed, if that version of what
# checks, this script and these files, below $TOP, have passed before.
unless_passed() {
	PASSED=$CACHE/passed-${0##*/}
	SUMS=$(
		echo "$1"
		cd "$TOP" && sha256sum "tests/check/${0##*/}" "${@:2}"
	)
	if [ "$SUMS" = "$(cat "$PASSED" 2>/dev/null)" ]; then
		echo "the same had passed"
		exit 0
	fi
}

# which_passed COMMON FILE…: CHANGED is those files, below $TOP, that have not passed with
# the same COMMON before.
which_passed() {
	local common file
	PASSED=$CACHE/passed-${0##*/}
	common=$(sha256sum <<<"$1")
	SUMS=$(cd "$TOP" && sha256sum "${@:2}" | sed "s/^/${common%% *} /")
	CHANGED=()
	while read -r _ _ file; do
		CHANGED+=("$file")
	done < <(grep -vxFf <(cat "$PASSED" 2>/dev/null) <<<"$SUMS")
}

# passed: nothing was found; to be called last. A trap would also be told of success by
# a check that is killed.
passed() {
	mkdir -p "$CACHE"
	echo "$SUMS" >"$PASSED.$$"
	mv "$PASSED.$$" "$PASSED"
}
