// SPDX-License-Identifier: GPL-2.0-only
#include "resize.h"

#include <err.h>
#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "backfile.h"
#include "devname.h"
#include "loopdm.h"
#include "util.h"

/* The file under @dev, if its path still leads to it. */
static int reopen(const struct loopdev *dev, struct backfile *file)
{
	const struct ident *id = &dev->ident;
	int rc;

	if (!dev->path || !dev->has_ident)
		return -EINVAL;
	rc = backfile_open(file, dev->path, dev->read_only);
	if (rc)
		return rc;
	if (file->st.st_ino == id->inode &&
	    file->st.st_dev == makedev(id->major, id->minor))
		return 0;
	backfile_close(file);
	return -ESTALE;
}

static int warn_capacity(const char *device, int rc, const char *why)
{
	if (why)
		warnx("%s: set capacity failed: %s (%s)", device, strerror(-rc),
		      why);
	else
		warnx("%s: set capacity failed: %s", device, strerror(-rc));
	return -1;
}

static int resize(const char *device, const struct loopdev *dev)
{
	struct backfile file;
	struct mapping map;
	const char *why = NULL;
	int rc;

	if (!dev->active)
		return warn_capacity(device, -ENXIO, NULL);
	rc = reopen(dev, &file);
	if (rc == -ESTALE)
		why = "its path leads to another file now";
	if (rc)
		return warn_capacity(device, rc, why);
	why = backfile_map(&file, dev->offset, dev->ident.sizelimit, &map);
	if (why) {
		backfile_close(&file);
		return warn_capacity(device, -EINVAL, why);
	}
	map.read_only = dev->read_only;
	if (map.sectors != dev->sectors) {
		signals_hold();
		rc = loopdm_reload(dev, &map);
		signals_release();
	}
	backfile_close(&file);
	return rc ? warn_capacity(device, rc, loopdm_reason()) : 0;
}

int resize_device(const char *device)
{
	char name[NAME_SIZE];
	struct loopdev dev;
	int rc;

	rc = devname_get(device, name, &dev);
	if (rc == -ENODEV) {
		warnx("%s: failed to use device: %s", device, strerror(-rc));
		return -1;
	}
	if (rc)
		return warn_capacity(device, rc, loopdm_reason());
	rc = resize(device, &dev);
	loopdev_free(&dev);
	return rc;
}
