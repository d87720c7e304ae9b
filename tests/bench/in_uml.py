# SPDX-License-Identifier: GPL-2.0-only
"""What benchmarks share that run themselves under User Mode Linux."""

import os
import subprocess
import sys
import tempfile


def main(guest, default, *options, check=None):
    """Outside: runs this program again inside, where it calls guest() with the count of
    the command line, or the default one, and leaves its figures to be printed. The
    options are those of tests/bench/uml. check() is called outside with the directory
    that was /run/results."""
    if sys.argv[1:2] == ["--guest"]:
        guest(int(sys.argv[2]))
        return
    count = sys.argv[1] if len(sys.argv) > 1 else str(default)
    program = os.path.abspath(sys.argv[0])
    uml = os.path.join(os.path.dirname(program), "uml")
    with tempfile.TemporaryDirectory(prefix="fastloop-bench.") as results:
        subprocess.run([uml, *options, results, program, "--guest", count], check=True)
        with open(results + "/dmesg", encoding="utf-8") as dmesg:
            assert "WARNING" not in dmesg.read(), "the kernel has warned"
        if check:
            check(results)
        with open(results + "/figures", encoding="utf-8") as figures:
            sys.stdout.write(figures.read())
