# SPDX-License-Identifier: GPL-2.0-only
"""Create a device with the ioctls alone: libdevmapper doubles backslashes.

usage: dm_load.py NAME SECTORS TARGET PARAMETERS
"""

import fcntl
import os
import struct
import sys

DM_VERSION, DM_DEV_CREATE, DM_DEV_REMOVE, DM_TABLE_LOAD = 0, 3, 4, 9
SIZE = 16384


def ioctl(fd, command, name, spec=b"", targets=0):
    """struct dm_ioctl is 312 bytes; what it carries follows."""
    head = struct.pack("=3I4IiIIQ128s129s7x", 4, 0, 0, SIZE, 312, targets, 0, 0,
                       0, 0, 0, name, b"")
    buffer = bytearray((head + spec).ljust(SIZE, b"\0"))
    fcntl.ioctl(fd, 0xc138fd00 | command, buffer)


def main(name, sectors, target, parameters):
    """Create and load; nothing is left if the load fails."""
    fd = os.open("/dev/mapper/control", os.O_RDWR)
    name = os.fsencode(name)
    text = os.fsencode(parameters) + b"\0"
    spec = struct.pack("=QQiI16s", 0, int(sectors), 0, 0,
                       os.fsencode(target)) + text
    ioctl(fd, DM_DEV_CREATE, name)
    try:
        ioctl(fd, DM_TABLE_LOAD, name, spec, 1)
    except OSError as error:
        ioctl(fd, DM_DEV_REMOVE, name)
        sys.exit(str(error))
    return 0


sys.exit(main(*sys.argv[1:]))
