// SPDX-License-Identifier: GPL-2.0-only
#include "detach.h"

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "devname.h"
#include "loopdm.h"
#include "partitions.h"
#include "progress.h"
#include "sysfs.h"
#include "users.h"
#include "util.h"

/*
 * udev looks at a device whenever a writer has closed it. It is soon done, and
 * the caller wants to unmount what the file is on next.
 */
#define PEEK_TRIES	20
#define PEEK_DELAY_MS	25

/* Between two looks whether a device is gone. */
#define GONE_DELAY_MS	50

static int remove_lazily(const char *name, const char *uuid, dev_t devno)
{
	int tries = 0, rc;

	for (;;) {
		rc = loopdm_remove(name, uuid);
		if (rc != -EBUSY)
			return rc;
		if (++tries > PEEK_TRIES || users_have_mounted(devno) ||
		    sysfs_has_holders(devno))
			return loopdm_remove_at_close(uuid);
		sleep_ms(PEEK_DELAY_MS);
	}
}

static int remove_partition(const struct sysfs_dm *holder, void *data)
{
	const struct loopdev *parent = data;

	/* If that fails, so does the removal of what it is on. */
	if (uuid_is_part_of(holder->uuid, parent->uuid))
		remove_lazily(holder->name, holder->uuid, holder->devno);
	return 0;
}

static int remove_partition_at_close(const struct sysfs_dm *holder, void *data)
{
	const struct loopdev *parent = data;

	if (uuid_is_part_of(holder->uuid, parent->uuid))
		loopdm_remove_at_close(holder->uuid);
	return 0;
}

void detach_partitions(const struct loopdev *dev)
{
	sysfs_each_holder(dev->devno, remove_partition_at_close, (void *)dev);
	partitions_remove_unfinished(dev);
}

int detach_loopdev(const struct loopdev *dev)
{
	int rc;

	signals_hold();
	sysfs_each_holder(dev->devno, remove_partition, (void *)dev);
	partitions_remove_unfinished(dev);
	rc = remove_lazily(dev->name, dev->uuid, dev->devno);
	/* Those that were made meanwhile, see fastloop_partscan.c. */
	if (!rc)
		detach_partitions(dev);
	signals_release();
	return rc;
}

static int warn_detach(const char *device, int rc)
{
	warnx("%s: detach failed: %s", device, strerror(-rc));
	return -1;
}

int detach_device(const char *device, struct loopdev *dev)
{
	char name[NAME_SIZE];
	int rc;

	rc = devname_get(device, name, dev);
	if (rc == -ENODEV)
		return warn_device(device, rc);
	if (!rc)
		rc = uuid_is_free(dev->uuid) ? -ENXIO : detach_loopdev(dev);
	loopdev_free(dev);
	return rc ? warn_detach(device, rc) : 0;
}

/* Scripts take what losetup says, which is nothing; people want to know. */
static void tell_if_in_use(const struct loopdev *dev)
{
	char path[DEVNAME_SIZE];

	if (!progress_is_seen() || !sysfs_is_dm(dev->devno, dev->uuid))
		return;
	devname_path(dev->name, path);
	warnx("%s: in use, removed when it is closed", path);
}

void detach_wait_for(const struct loopdev *dev)
{
	while (sysfs_is_dm(dev->devno, dev->uuid))
		sleep_ms(GONE_DELAY_MS);
	loopdm_wait_for_node(dev->name, 0);
}

int detach_devices(const char *const *devices, size_t nr, bool wait)
{
	struct loopdev *devs = xrealloc(NULL, nr * sizeof(*devs));
	size_t i, detached = 0;
	int res = 0;

	for (i = 0; i < nr; i++) {
		if (detach_device(devices[i], &devs[detached]))
			res = -1;
		else
			tell_if_in_use(&devs[detached++]);
	}
	/* Only now: one may be in use by the next. */
	for (i = 0; wait && i < detached; i++)
		detach_wait_for(&devs[i]);
	free(devs);
	return res;
}

int detach_all(bool wait)
{
	char path[DEVNAME_SIZE];
	struct loopdev *devs;
	int rc, res = 0;
	size_t i, nr;

	rc = loopdm_list(&devs, &nr);
	if (rc) {
		warnx("failed to list devices: %s", strerror(-rc));
		res = -1;
	}
	for (i = 0; i < nr; i++) {
		rc = detach_loopdev(&devs[i]);
		/* -ENXIO: somebody else was faster. */
		devs[i].deferred = !rc || rc == -ENXIO;
		if (devs[i].deferred) {
			tell_if_in_use(&devs[i]);
			continue;
		}
		devname_path(devs[i].name, path);
		res = warn_detach(path, rc);
	}
	for (i = 0; wait && i < nr; i++)
		if (devs[i].deferred)
			detach_wait_for(&devs[i]);
	loopdm_list_free(devs, nr);
	return res;
}
