// SPDX-License-Identifier: GPL-2.0-only
#include "devname.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "sysfs.h"
#include "util.h"

/* "loopN" is "fastloopN" without its head. */
static bool is_loop_name(const char *s, char name[static NAME_SIZE])
{
	const size_t len = strlen("loop");

	return !strncmp(s, "loop", len) &&
		snprintf(name, NAME_SIZE, NAME_PREFIX "%s", s + len) <
			NAME_SIZE && name_number(name) >= 0;
}

static int copy_name(const char *s, char name[static NAME_SIZE])
{
	if (!name_is_valid(s))
		return -EINVAL;
	strcpy(name, s);
	return 0;
}

/* "253:0", as lsblk(8) and dmsetup(8) print it. */
static int resolve_number(const char *s, char name[static NAME_SIZE])
{
	unsigned long maj, min;
	dev_t devno;
	char *end;

	maj = strtoul(s, &end, 10);
	min = strtoul(end + 1, NULL, 10);
	devno = makedev(maj, min);
	/* One that is too large is not that of another. */
	if (major(devno) != maj || minor(devno) != min)
		return -ENODEV;
	return sysfs_dm_name(devno, name);
}

int devname_resolve(const char *arg, char name[static NAME_SIZE])
{
	struct stat st;

	if (called_losetup()) {
		const char *s = strncmp(arg, "/dev/", 5) ? arg : arg + 5;

		if (is_loop_name(s, name))
			return 0;
	}
	if (name_is_devno(arg))
		return resolve_number(arg, name);
	if (!strchr(arg, '/'))
		return copy_name(arg, name);
	if (!strncmp(arg, DEV_MAPPER, strlen(DEV_MAPPER)))
		return copy_name(arg + strlen(DEV_MAPPER), name);
	if (stat(arg, &st))
		return -errno;
	if (!S_ISBLK(st.st_mode))
		return -ENODEV;
	return sysfs_dm_name(st.st_rdev, name);
}

int devname_get(const char *arg, char name[static NAME_SIZE],
		struct loopdev *dev)
{
	int rc = devname_resolve(arg, name);

	memset(dev, 0, sizeof(*dev));
	if (rc)
		return rc == -EACCES ? rc : -ENODEV;
	rc = loopdm_check();
	return rc ? rc : loopdm_get(name, dev);
}

int warn_device(const char *device, int rc)
{
	const char *why = loopdm_reason();
	struct stat st;

	if (!why && rc == -ENODEV && !called_losetup() &&
	    !stat(device, &st) && S_ISREG(st.st_mode))
		why = "it is a file: -f attaches it, -j lists its devices";
	if (why)
		warnx("%s: failed to use device: %s (%s)", device,
		      strerror(-rc), why);
	else
		warnx("%s: failed to use device: %s", device, strerror(-rc));
	return -1;
}

void devname_path(const char *name, char path[static DEVNAME_SIZE])
{
	snprintf(path, DEVNAME_SIZE, DEV_MAPPER "%s", name);
}

int devname_print(const char *name)
{
	printf(DEV_MAPPER "%s\n", name);
	return flush_stdout();
}
