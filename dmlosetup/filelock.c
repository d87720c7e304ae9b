// SPDX-License-Identifier: GPL-2.0-only
#include "filelock.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "devname.h"

/* What opening it says if there is no device-mapper, or none for us. */
static bool is_not_for_us(int err)
{
	return err == EACCES || err == EPERM || err == ENOENT ||
		err == ENODEV || err == ENXIO;
}

/* One byte stands for a file, and by chance for some others. */
static off_t position(dev_t dev, ino_t ino)
{
	return ((uint64_t)ino * 0x9e3779b97f4a7c15 ^ dev) >> 2;
}

/* F_OFD_SETLK, or F_OFD_SETLKW to wait for it. */
static int lock_byte(int fd, int cmd, dev_t dev, ino_t ino)
{
	struct flock byte = {
		.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = position(dev, ino),
		.l_len = 1,
	};

	while (fcntl(fd, cmd, &byte))
		if (errno != EINTR)
			return errno == EACCES ? -EAGAIN : -errno;
	return 0;
}

static int take(int cmd, dev_t dev, ino_t ino, int *lock)
{
	int rc;

	/* Makes the node if it is not there yet. */
	loopdm_check();
	*lock = open(DEV_MAPPER "control", O_RDWR | O_CLOEXEC);
	if (*lock < 0)
		return is_not_for_us(errno) ? 0 : -errno;
	rc = lock_byte(*lock, cmd, dev, ino);
	if (rc) {
		filelock_release(*lock);
		*lock = -1;
	}
	return rc;
}

int filelock_take(dev_t dev, ino_t ino, int *lock)
{
	return take(F_OFD_SETLKW, dev, ino, lock);
}

int filelock_try(dev_t dev, ino_t ino, int *lock)
{
	return take(F_OFD_SETLK, dev, ino, lock);
}

int filelock_take_path(const char *path, int *lock)
{
	struct stat st;
	int rc;

	*lock = -1;
	if (stat(path, &st))
		return 0;
	rc = filelock_take(st.st_dev, st.st_ino, lock);
	if (rc)
		warnx("%s: failed to lock file: %s", path, strerror(-rc));
	return rc ? -1 : 0;
}

void filelock_release(int lock)
{
	if (lock >= 0)
		close(lock);
}

int filelock_get_device(const char *device, struct loopdev *dev, int *lock)
{
	char name[NAME_SIZE], uuid[UUID_SIZE] = "";
	int rc;

	*lock = -1;
	for (;;) {
		rc = devname_get(device, name, dev);
		if (!rc && (!dev->has_ident || !strcmp(dev->uuid, uuid)))
			return 0;
		/* The lock, if there is one, is that of an earlier device. */
		filelock_release(*lock);
		*lock = -1;
		if (rc)
			return rc;
		strcpy(uuid, dev->uuid);
		loopdev_free(dev);
		rc = filelock_take(makedev(dev->ident.major, dev->ident.minor),
				   dev->ident.inode, lock);
		if (rc)
			return rc;
	}
}
