/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * devname: what people call a device, and its device-mapper name.
 */
#ifndef DMLOSETUP_DEVNAME_H
#define DMLOSETUP_DEVNAME_H

#include "loopdm.h"

#define DEV_MAPPER	"/dev/mapper/"
#define DEVNAME_SIZE	(sizeof(DEV_MAPPER) - 1 + NAME_SIZE)

/*
 * Finds the name in NAME, /dev/mapper/NAME, MAJOR:MINOR, /dev/dm-N and any other
 * path of a node of the device. The device need not exist for the first two. For a
 * program that is called losetup, loopN and /dev/loopN mean fastloopN.
 *
 * Returns 0, -EINVAL for a name that we would not give to a device, -ENODEV for a
 * number or path of no device-mapper device, or the errno of the path's stat().
 */
int devname_resolve(const char *arg, char name[static NAME_SIZE]);

/*
 * devname_resolve() and loopdm_get(): a device of ours that exists. Two errors
 * are losetup's own: -ENXIO for a device without a file, which is also what ours
 * are when they are gone, and -ENODEV for what is no loop device at all.
 */
int devname_get(const char *arg, char name[static NAME_SIZE],
		struct loopdev *dev);

/* Says, for an error of devname_get(), that it is no device of ours. */
int warn_device(const char *device, int rc);

/* The path to print for a name. */
void devname_path(const char *name, char path[static DEVNAME_SIZE]);

/*
 * Prints it, now: a caller that does not learn the name cannot detach the
 * device. Returns 0, or -1 after a message.
 */
int devname_print(const char *name);

#endif
