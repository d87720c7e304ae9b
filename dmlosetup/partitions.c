// SPDX-License-Identifier: GPL-2.0-only
#include "partitions.h"

#include <blkid.h>
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "devname.h"
#include "filelock.h"
#include "sysfs.h"
#include "util.h"

/* The kernel goes as far with a disk; a table can claim more than anybody has. */
#define MAX_NUMBER	255

struct part {
	unsigned int number;
	char name[NAME_SIZE];
	char uuid[UUID_SIZE];
	struct mapping map;
	bool exists;		/* or what cannot be removed is in its place */
};

struct parts {
	const struct loopdev *dev;
	struct part *part;
	size_t nr;
	char node[DEVNAME_SIZE];	/* of dev */
	bool failed;		/* after a message */
	bool rescan;		/* see partitions_rescan() */
};

static int warn_scan(const char *object, int rc)
{
	const char *why = loopdm_reason();

	if (why)
		warnx("%s: failed to map partition: %s (%s)", object,
		      strerror(-rc), why);
	else
		warnx("%s: failed to map partition: %s", object, strerror(-rc));
	return -1;
}

/* ---- the table ---- */

/*
 * An extended partition is for boot loaders and nobody else: the kernel shows
 * two sectors of it. What is behind the end of a device that was cut is not
 * there.
 */
static uint64_t visible_sectors(blkid_partition part, const struct loopdev *dev)
{
	uint64_t start = blkid_partition_get_start(part);
	uint64_t sectors = blkid_partition_get_size(part);
	uint64_t two = sysfs_logical_block_size(dev->devno) / SECTOR_SIZE;

	if (two < 2)
		two = 2;
	if (blkid_partition_is_extended(part) && sectors > two)
		sectors = two;
	if (start >= dev->sectors)
		return 0;
	return sectors < dev->sectors - start ? sectors : dev->sectors - start;
}

static int add_part(struct parts *parts, blkid_partition found)
{
	const struct loopdev *dev = parts->dev;
	struct part *part = &parts->part[parts->nr];
	int number = blkid_partition_get_partno(found);

	part->map.sectors = visible_sectors(found, dev);
	if (number <= 0 || number > MAX_NUMBER || !part->map.sectors)
		return 0;
	part->number = number;
	part->map.target = TARGET_LINEAR;
	part->map.read_only = dev->read_only;
	table_format_linear(major(dev->devno), minor(dev->devno),
			    blkid_partition_get_start(found) * SECTOR_SIZE,
			    part->map.params);
	if (!name_format_part(dev->name, number, part->name) ||
	    !uuid_format_part(number, dev->uuid, part->uuid))
		return -ENAMETOOLONG;
	parts->nr++;
	return 0;
}

static int read_parts(struct parts *parts, blkid_probe probe)
{
	blkid_partlist list;
	int i, nr, rc;

	blkid_probe_enable_superblocks(probe, 0);
	blkid_probe_enable_partitions(probe, 1);
	/* 0: there is a table, 1: there is none. */
	rc = blkid_do_fullprobe(probe);
	if (rc)
		return rc < 0 ? -EIO : 0;
	list = blkid_probe_get_partitions(probe);
	if (!list)
		return -ENOMEM;
	nr = blkid_partlist_numof_partitions(list);
	/* Not xrealloc(): the device is to be undone. */
	parts->part = calloc(nr + 1, sizeof(*parts->part));
	if (!parts->part)
		return -ENOMEM;
	for (i = 0; !rc && i < nr; i++)
		rc = add_part(parts, blkid_partlist_get_partition(list, i));
	return rc;
}

static int read_table(struct parts *parts)
{
	int fd = open(parts->node, O_RDONLY | O_CLOEXEC);
	blkid_probe probe;
	int rc = -ENOMEM;

	if (fd < 0)
		return -errno;
	/*
	 * Partitions do not see what is in the page cache of the device only, nor
	 * this what others have written past it.
	 */
	if (ioctl(fd, BLKFLSBUF)) {
		rc = -errno;
		close(fd);
		return rc;
	}
	probe = blkid_new_probe();
	if (probe && !blkid_probe_set_device(probe, fd, 0, 0))
		rc = read_parts(parts, probe);
	blkid_free_probe(probe);
	close(fd);
	return rc;
}

/* ---- the mappings ---- */

static struct part *find_part(struct parts *parts, const char *uuid)
{
	size_t i;

	for (i = 0; i < parts->nr; i++)
		if (!strcmp(parts->part[i].uuid, uuid))
			return &parts->part[i];
	return NULL;
}

/*
 * Keeps a mapping that is as it should be, for good, and removes any other. Those
 * that cannot be removed are no reason to leave the others as they are.
 */
static int keep_or_remove(const struct sysfs_dm *holder, void *data)
{
	struct parts *parts = data;
	struct part *part;
	int rc;

	if (!uuid_is_part_of(holder->uuid, parts->dev->uuid))
		return 0;
	part = find_part(parts, holder->uuid);
	if (part && loopdm_maps(part->uuid, &part->map) &&
	    (parts->rescan || !loopdm_keep_at_close(part->uuid))) {
		part->exists = true;
		/* Who made it may not have lived to see it. */
		loopdm_wait_for_node(part->name, holder->devno);
		return 0;
	}
	rc = loopdm_remove(holder->name, holder->uuid);
	if (!rc || rc == -ENXIO)
		return 0;
	warnx("%s%s: failed to remove partition: %s", DEV_MAPPER, holder->name,
	      strerror(-rc));
	parts->failed = true;
	if (part)
		part->exists = true;
	return 0;
}

static int remove_unfinished(const char *name, void *data)
{
	const struct loopdev *dev = data;
	char again[NAME_SIZE], uuid[UUID_SIZE];
	size_t len = strlen(name);
	unsigned int number;

	while (len && isdigit((unsigned char)name[len - 1]))
		len--;
	number = strtoul(name + len, NULL, 10);
	/* By its UUID: it is not there, or in use, if it is another's. */
	if (name_format_part(dev->name, number, again) &&
	    !strcmp(name, again) && uuid_format_part(number, dev->uuid, uuid))
		loopdm_remove(name, uuid);
	return 0;
}

void partitions_remove_unfinished(const struct loopdev *dev)
{
	loopdm_each_name(dev->name, UUID_PREFIX_PART, remove_unfinished,
			 (void *)dev);
}

static void make_missing(struct parts *parts)
{
	char node[DEVNAME_SIZE];
	size_t i;
	int rc;

	for (i = 0; i < parts->nr; i++) {
		const struct part *part = &parts->part[i];

		if (part->exists)
			continue;
		/* The kernel takes neither its name nor its UUID twice. */
		if (!parts->rescan)
			loopdm_remove(part->name, part->uuid);
		rc = loopdm_create(part->name, part->uuid, &part->map, NULL);
		if (rc) {
			devname_path(part->name, node);
			warn_scan(node, rc);
			parts->failed = true;
		}
	}
}

static int scan(struct parts *parts)
{
	int rc;

	rc = read_table(parts);
	if (!rc)
		rc = sysfs_each_holder(parts->dev->devno, keep_or_remove,
				       parts);
	if (rc)
		warn_scan(parts->node, rc);
	else
		make_missing(parts);
	free(parts->part);
	return rc || parts->failed ? -1 : 0;
}

int partitions_scan(const struct loopdev *dev)
{
	struct parts parts = { .dev = dev };

	devname_path(dev->name, parts.node);
	loopdm_wait_for_node(dev->name, dev->devno);
	return scan(&parts);
}

int partitions_rescan(const struct loopdev *dev, const char *node)
{
	struct parts parts = { .dev = dev, .rescan = true };

	snprintf(parts.node, sizeof(parts.node), "%s", node);
	return scan(&parts);
}

int partitions_scan_device(const char *device)
{
	struct loopdev dev;
	int lock, rc;

	/* Of two at once the second finds what the first has made. */
	rc = filelock_get_device(device, &dev, &lock);
	if (!rc && !dev.active)
		rc = -ENXIO;
	if (rc == -ENODEV) {
		rc = warn_device(device, rc);
	} else if (rc) {
		rc = warn_scan(device, rc);
	} else {
		signals_hold();
		rc = partitions_scan(&dev);
		signals_release();
	}
	filelock_release(lock);
	loopdev_free(&dev);
	return rc;
}

static int is_partition(const struct sysfs_dm *holder, void *data)
{
	const struct loopdev *dev = data;

	return uuid_is_part_of(holder->uuid, dev->uuid);
}

bool partitions_exist(const struct loopdev *dev)
{
	return sysfs_each_holder(dev->devno, is_partition, (void *)dev) > 0;
}
