# shellcheck shell=bash
# What the tests of this directory share: they run the test suite of another project, as
# it is, with losetup and then with dmlosetup under that name, and compare. Sourced after
# tests/lib.sh.
#
# A list of what cannot be the same has the test's name and ".expected"; a line of it is
#	NAME: REASON
# NAME being a glob. Whatever else passes with losetup has to pass with dmlosetup, and
# what is in the list has not to; so no line stays there longer than it is true.

# others_source PACKAGE: where tests/others/prepare has put it.
others_source() {
	local dir=$TOP/build/others/$1
	[ -e "$dir/" ] || fail "no source of $1: what did tests/others/prepare say?"
	echo "$dir"
}

# install_as_losetup DIR: a directory for the front of PATH.
install_as_losetup() {
	mkdir -p "$1"
	cp "$(command -v dmlosetup)" "$1/losetup"
}

# no_devices: what one run leaves below /mnt/suite is not there for the next.
no_devices() {
	local place

	swapoff -a
	for place in $(awk '$2 ~ "^/mnt/suite/" { print $2 }' /proc/mounts | tac); do
		umount "$place"
	done
	udevadm settle
	command losetup -D
	dmlosetup -D
	udevadm settle
}

# compare_results LOOP FASTLOOP LEAST: files of lines "pass|fail|skip NAME". At least
# LEAST have to pass with both, so that an empty suite is not a success.
compare_results() {
	awk -v least="$3" '
	function glob(g) {
		gsub(/[].[+(){}^$|\\]/, "\\\\&", g)
		gsub(/[*]/, ".*", g)
		return "^" g "$"
	}
	function expected(name,    i) {
		for (i = 1; i <= n; i++)
			if (name ~ pattern[i]) {
				used[i]++
				return i
			}
		return 0
	}
	function wrong(text) {
		print "# " text
		bad++
	}
	FILENAME == list {
		if ($0 ~ /^(#|$)/)
			next
		line[++n] = $0
		name = $0; sub(/: .*/, "", name)
		pattern[n] = glob(name)
		reason[n] = $0; sub(/^[^:]*: */, "", reason[n])
		next
	}
	{
		verdict = $1
		name = $0; sub(/^[a-z]+ /, "", name)
		if (!(name in seen))
			order[++names] = name
		seen[name]
	}
	FILENAME == loop { with_loop[name] = verdict }
	FILENAME == ours { with_ours[name] = verdict }
	END {
		for (k = 1; k <= names; k++) {
			name = order[k]
			a = name in with_loop ? with_loop[name] : "none"
			b = name in with_ours ? with_ours[name] : "none"
			if (a == "pass" && b == "pass") {
				both++
				if (i = expected(name))
					wrong(name " passes, and is said not to: " reason[i])
			} else if (a != "pass" && b == "pass") {
				print "only with dmlosetup: " name " (" a ")"
				ours_only++
			} else if (a == "pass") {
				if (i = expected(name)) {
					print "as expected: " name ": " reason[i]
					excused++
				} else
					wrong(name " passes with losetup; with dmlosetup: " b)
			} else {
				print "with neither: " name " (" a ", " b ")"
				neither++
			}
		}
		for (i = 1; i <= n; i++)
			if (!used[i])
				wrong("expected, and not seen: " line[i])
		printf "%d pass with both, %d with losetup only as expected, " \
			"%d with dmlosetup only, %d with neither\n", both, excused, ours_only, neither
		if (both < least)
			wrong("less than " least " pass")
		exit bad > 0
	}' list="$0.expected" loop="$1" ours="$2" "$0.expected" "$1" "$2" ||
		fail "the suite does not find what it should"
}
