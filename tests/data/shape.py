# SPDX-License-Identifier: GPL-2.0-only
"""Give a file a shape: shape.py FILE, with lines "punch|allocate|write OFFSET
LENGTH" on standard input. (xfs_io stops reading its input after a while.)"""

import ctypes
import os
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long)
KEEP_SIZE, PUNCH_HOLE = 1, 2


def fallocate(fd, mode, offset, length):
    """fallocate(2), which Python has not."""
    if LIBC.fallocate(fd, mode, offset, length):
        raise OSError(ctypes.get_errno(), "fallocate")


def main():
    """Do each line."""
    fd = os.open(sys.argv[1], os.O_RDWR)
    for line in sys.stdin:
        verb, offset, length = line.split()
        offset, length = int(offset), int(length)
        if verb == "punch":
            fallocate(fd, KEEP_SIZE | PUNCH_HOLE, offset, length)
        elif verb == "allocate":
            fallocate(fd, KEEP_SIZE, offset, length)
        else:
            os.pwrite(fd, b"\x11" * length, offset)
    os.fsync(fd)


main()
