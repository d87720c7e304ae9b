/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sysfs: what the kernel shows to everybody about block devices.
 */
#ifndef DMLOSETUP_SYSFS_H
#define DMLOSETUP_SYSFS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "table.h"

struct sysfs_dm {
	char name[NAME_SIZE];	/* "", as the next: not of the device-mapper */
	char uuid[UUID_SIZE];
	dev_t devno;
	uint64_t sectors;
	bool read_only;
};

typedef int (*sysfs_dm_fn)(const struct sysfs_dm *dm, void *data);

/*
 * Calls @fn for every device-mapper device, or for all devices on top of @devno.
 * Stops at the first non-zero return and returns it; -errno if there is no
 * such directory.
 */
int sysfs_each_dm(sysfs_dm_fn fn, void *data);
int sysfs_each_holder(dev_t devno, sysfs_dm_fn fn, void *data);

bool sysfs_has_holders(dev_t devno);

/* Is this (still) the device with that UUID? */
bool sysfs_is_dm(dev_t devno, const char *uuid);

/* The device-mapper name of a device. Returns 0 or -errno. */
int sysfs_dm_name(dev_t devno, char name[static NAME_SIZE]);

/* "/dev/NAME" for a block device, to free; NULL if it is not there. */
char *sysfs_node(dev_t devno);

/* Of a disk or of the one that a partition is on. In bytes; 0 if unknown. */
unsigned int sysfs_logical_block_size(dev_t devno);

/* The path of the file under a loop device, as it was. */
bool sysfs_loop_file(dev_t devno, char *path, size_t size);

#endif
