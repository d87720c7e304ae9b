# shellcheck shell=bash
# For the tests of the harness: the module that misbehaves, and assertions.
set -eu -o pipefail

fail() {
	echo "FAILED: $*" >&2
	exit 1
}

# build_selftest_module KERNEL: build/selftest/KERNEL/fastloop_selftest.ko, which
# the guest sees at the same path.
build_selftest_module() {
	local kernel=$1 kdir dir=$TOP/build/selftest/$1
	kdir=$("$TOP/tests/vm/kernel" "$kernel")
	mkdir -p "$dir"
	cp -u "$TOP/tests/selftest/kmod"/* "$dir/"
	make -s -C "$(readlink -f "$kdir/build")" "M=$dir" modules >&2
}

# expect_status WANT COMMAND…
expect_status() {
	local want=$1 rc=0
	shift
	"$@" || rc=$?
	[ "$rc" -eq "$want" ] || fail "$* returned $rc, not $want"
}

expect_line() {
	grep -qE -- "$1" "$2" || fail "no line '$1' in $2"
}
