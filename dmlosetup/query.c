// SPDX-License-Identifier: GPL-2.0-only
#include "query.h"

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "devname.h"
#include "loopdm.h"

struct target_file {
	const char *path;
	char *canonical;	/* NULL: there is none */
	bool has_stat;
	struct stat st;
};

/*
 * A file is known by its inode. Only one that is not there, or a device with a
 * UUID that tells nothing, makes the path count.
 */
static bool is_same_file(const struct loopdev *dev,
			 const struct target_file *file)
{
	if (dev->has_ident && file->has_stat)
		return ident_is(&dev->ident, &file->st);
	if (!dev->path)
		return false;
	return !strcmp(dev->path, file->path) ||
		(file->canonical && !strcmp(dev->path, file->canonical));
}

/* Moves what passes to the front and the rest behind it. */
static size_t apply_filter(struct loopdev *devs, size_t nr,
			   const struct filter *filter)
{
	struct target_file file = { .path = filter->file };
	size_t i, kept = 0;
	struct loopdev tmp;

	if (file.path) {
		file.has_stat = !stat(file.path, &file.st);
		file.canonical = realpath(file.path, NULL);
	}
	for (i = 0; i < nr; i++) {
		if (!devs[i].active ||
		    (file.path && !is_same_file(&devs[i], &file)) ||
		    (filter->has_offset && devs[i].offset != filter->offset))
			continue;
		tmp = devs[kept];
		devs[kept++] = devs[i];
		devs[i] = tmp;
	}
	free(file.canonical);
	return kept;
}

int query_all(const struct output *out, const struct filter *filter)
{
	struct loopdev *devs;
	size_t nr, kept;
	int rc;

	rc = loopdm_list(&devs, &nr);
	/* No device-mapper, no devices. */
	if (rc && rc != -ENOENT) {
		warnx("failed to list devices: %s", strerror(-rc));
		loopdm_list_free(devs, nr);
		return -1;
	}
	kept = apply_filter(devs, nr, filter);
	rc = output_devices(out, devs, kept);
	loopdm_list_free(devs, nr);
	return rc;
}

static int warn_query(const char *device, int rc)
{
	if (rc == -ENODEV || rc == -ENXIO)
		return warn_device(device, -ENODEV);
	warnx("%s: %s", device, strerror(-rc));
	return -1;
}

/* Who may not ask the device-mapper finds it in the list. */
static int find_in_list(const char *device, struct loopdev *found)
{
	char name[NAME_SIZE];
	struct loopdev *devs;
	size_t i, nr;
	int rc;

	if (devname_resolve(device, name))
		return -ENODEV;
	rc = loopdm_list(&devs, &nr) ? -ENODEV : -ENXIO;
	for (i = 0; rc && i < nr; i++) {
		if (!strcmp(devs[i].name, name)) {
			*found = devs[i];
			devs[i].path = devs[i].features = NULL;
			rc = 0;
		}
	}
	loopdm_list_free(devs, nr);
	return rc;
}

static int find(const char *device, struct loopdev *dev)
{
	char name[NAME_SIZE];
	int rc;

	rc = devname_get(device, name, dev);
	if (rc == -EACCES)
		rc = find_in_list(device, dev);
	if (!rc && !dev->active)
		rc = -ENOENT;
	return rc;
}

int query_one(const struct output *out, const char *device)
{
	struct loopdev dev;
	int rc;

	rc = find(device, &dev);
	if (!rc)
		rc = output_devices(out, &dev, 1);
	else
		rc = warn_query(device, rc);
	loopdev_free(&dev);
	return rc;
}

int query_direct_io(const char *device)
{
	char name[NAME_SIZE];
	struct loopdev dev;
	int rc = devname_get(device, name, &dev);

	loopdev_free(&dev);
	if (rc == -ENODEV || rc == -ENXIO)
		return warn_device(device, -ENODEV);
	if (!rc && !dev.active)
		rc = -ENXIO;
	if (!rc)
		return 0;
	warnx("%s: set direct io failed: %s", device, strerror(-rc));
	return -1;
}
