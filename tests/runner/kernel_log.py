#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What a kernel's log says about the kernel's health."""

import re
import sys

# What a kernel says when something is wrong with it, whoever caused it.
COMPLAINTS = re.compile(
    r"\bWARNING: |\bBUG: |\bBUG at |kernel BUG|\bOops|Kernel panic|KASAN"
    r"|\bINFO: (task|possible|trying|rcu|suspicious)|possible .* detected"
    r"|suspicious RCU|general protection fault|unable to handle"
    r"|refcount_t: |UBSAN: |ODEBUG: |kmemleak: .* new suspected"
    r"|list_(add|del) corruption|blocked for more than|soft lockup"
    r"|page allocation failure|page allocation stall|Bad page|Bad rss"
    r"|BUG kmalloc|BUG [a-z_0-9]+ \(|DEBUG_LOCKS_WARN_ON"
    r"|EXT4-fs error|EXT4-fs \(.*\): .*[Cc]orrupt|JBD2: .*[Ee]rror"
    r"|XFS \(.*\): (Internal error|Metadata corruption|Corruption|Assert)"
    r"|XFS: Assertion failed|FAT-fs \(.*\): error|exFAT-fs \(.*\): error"
    r"|BTRFS (error|critical)|still has objects|Objects remaining"
    r"|Fixing recursive fault|leaked (lock|percpu)|Trying to free")


def complaints(log, expect=()):
    """The lines of a kernel log that are complaints and were not expected."""
    return [line for line in log.splitlines()
            if COMPLAINTS.search(line)
            and not any(e.search(line) for e in expect)]


def read(path):
    """The text of a file; nothing if there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def main():
    """Prints the complaints in the files named; fails if there is one, or no file."""
    bad = [line for path in sys.argv[1:] for line in complaints(read(path) or "WARNING: empty")]
    print("\n".join(bad))
    return 1 if bad or len(sys.argv) < 2 else 0


if __name__ == "__main__":
    sys.exit(main())
