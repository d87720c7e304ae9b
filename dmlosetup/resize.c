// SPDX-License-Identifier: GPL-2.0-only
#include "resize.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "backfile.h"
#include "devname.h"
#include "filelock.h"
#include "sysfs.h"
#include "util.h"

static int warn_failed(const char *device, const char *what, int rc,
		       const char *why)
{
	if (why)
		warnx("%s: %s failed: %s (%s)", device, what, strerror(-rc),
		      why);
	else
		warnx("%s: %s failed: %s", device, what, strerror(-rc));
	return -1;
}

static bool same_features(const char *a, const char *b)
{
	return !strcmp(a ? a : "", b ? b : "");
}

static int reload(const struct loopdev *dev, const struct backfile *file,
		  const struct mapping *map, const char **why)
{
	int rc = backfile_sync(file);

	if (rc)
		return rc;
	signals_hold();
	rc = loopdm_reload(dev, map);
	signals_release();
	*why = loopdm_reason();
	return rc;
}

/*
 * Maps the file anew: as large as it is now, with @features. @why may be set to
 * the reason of a failure.
 */
static int remap(const struct loopdev *dev, const char *features, bool warn,
		 const char **why)
{
	uint64_t limit = dev->ident.sizelimit;
	struct backfile file;
	struct mapping map;
	int rc;

	rc = dev->active ? backfile_reopen(&file, dev, why) : -ENXIO;
	if (rc)
		return rc;
	*why = backfile_map(&file, dev->offset, limit, features, &map);
	map.read_only = dev->read_only;
	if (*why)
		rc = -EINVAL;
	else if (map.sectors != dev->sectors ||
		 !same_features(features, dev->features))
		rc = reload(dev, &file, &map, why);
	if (!rc && warn)
		backfile_warn_rest(&file, dev->offset, limit, &map);
	backfile_close(&file);
	return rc;
}

/*
 * The device, or -1 after a message. What is made of what it is now is done
 * before another one may look: release() lets it.
 */
static int get_locked(const char *device, const char *what,
		      struct loopdev *dev, int *lock)
{
	int rc = filelock_get_device(device, dev, lock);

	if (!rc)
		return 0;
	if (rc != -ENODEV)
		return warn_failed(device, what, rc, loopdm_reason());
	return warn_device(device, rc);
}

static void release(struct loopdev *dev, int lock)
{
	loopdev_free(dev);
	filelock_release(lock);
}

int resize_device(const char *device)
{
	static const char what[] = "set capacity";
	const char *why = NULL;
	struct loopdev dev;
	int lock, rc;

	rc = get_locked(device, what, &dev, &lock);
	if (!rc) {
		rc = remap(&dev, dev.features, false, &why);
		if (rc)
			warn_failed(device, what, rc, why);
	}
	release(&dev, lock);
	return rc ? -1 : 0;
}

static const char set_sectors[] = "set logical block size";

/*
 * Nobody mounts it or puts another device on it until this is closed: who uses it
 * would know the old size of its sectors. Returns a descriptor or -errno.
 */
static int claim(const struct loopdev *dev, int size)
{
	char path[DEVNAME_SIZE];
	int fd;

	devname_path(dev->name, path);
	fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/*
	 * As long as somebody has it open the page cache keeps the size of its
	 * blocks. Those that are smaller than a sector could not be read; this
	 * fails for others, which can.
	 */
	ioctl(fd, BLKBSZSET, &size);
	return fd;
}

/*
 * The device-mapper keeps the limits of a device whose new table has no disk below
 * it. Then the old table is right; one of no sectors is surely another.
 */
static int check_sectors(const struct loopdev *dev, unsigned int size,
			 const char **why)
{
	struct loopdev before = *dev;

	if (sysfs_logical_block_size(dev->devno) == size)
		return 0;
	before.sectors = 0;
	remap(&before, dev->features, false, why);
	*why = "only a new device can have others, there is no disk under its "
		"file";
	return -EOPNOTSUPP;
}

/* From one table that is right to the other: a signal does not come in between. */
static int change_sectors(const struct loopdev *dev, const char *features,
			  unsigned int size, const char **why)
{
	int fd, rc;

	if (!dev->active)
		return -ENXIO;
	fd = claim(dev, size);
	if (fd < 0)
		return fd;
	signals_hold();
	rc = remap(dev, features, true, why);
	if (!rc)
		rc = check_sectors(dev, size, why);
	signals_release();
	close(fd);
	return rc;
}

int resize_sectors(const char *device, const struct loopdev *dev,
		   unsigned int size)
{
	const char *why = NULL;
	char *features;
	int rc;

	if (dev->active && size == sysfs_logical_block_size(dev->devno))
		return 0;
	features = features_set(dev->features, FEATURE_SECTOR_SIZE, size);
	rc = features ? change_sectors(dev, features, size, &why) : -ENOMEM;
	free(features);
	return rc ? warn_failed(device, set_sectors, rc, why) : 0;
}

int resize_sectors_device(const char *device, unsigned int size)
{
	struct loopdev dev;
	int lock, rc;

	rc = get_locked(device, set_sectors, &dev, &lock);
	if (!rc)
		rc = resize_sectors(device, &dev, size);
	release(&dev, lock);
	return rc;
}
