// SPDX-License-Identifier: GPL-2.0-only
#include "sysfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "util.h"

#define BLOCK_DIR	"/sys/block"

/* One line, without its newline. Returns false if there is no such file. */
static bool read_line(int dir, const char *path, char *buf, size_t size)
{
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n < 0)
		return false;
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return true;
}

static uint64_t read_number(int dir, const char *path)
{
	char buf[32];

	return read_line(dir, path, buf, sizeof(buf)) ?
		strtoull(buf, NULL, 10) : 0;
}

static bool is_dm(const char *name)
{
	return !strncmp(name, "dm-", 3);
}

static bool read_device(int dir, bool mapped, struct sysfs_dm *dm)
{
	unsigned int major, minor;
	char buf[32];

	*dm->name = '\0';
	*dm->uuid = '\0';
	if (mapped &&
	    (!read_line(dir, "dm/name", dm->name, sizeof(dm->name)) ||
	     !read_line(dir, "dm/uuid", dm->uuid, sizeof(dm->uuid))))
		return false;
	if (!read_line(dir, "dev", buf, sizeof(buf)) ||
	    sscanf(buf, "%u:%u", &major, &minor) != 2)
		return false;
	dm->devno = makedev(major, minor);
	dm->sectors = read_number(dir, "size");
	dm->read_only = read_number(dir, "ro");
	return true;
}

static int each_in(const char *path, bool dm_only, sysfs_dm_fn fn, void *data)
{
	DIR *dir = opendir(path);
	struct sysfs_dm dm;
	struct dirent *de;
	int fd, rc = 0;

	if (!dir)
		return -errno;
	while (!rc && (de = readdir(dir))) {
		if (*de->d_name == '.' || (dm_only && !is_dm(de->d_name)))
			continue;
		fd = openat(dirfd(dir), de->d_name,
			    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (read_device(fd, is_dm(de->d_name), &dm))
			rc = fn(&dm, data);
		close(fd);
	}
	closedir(dir);
	return rc;
}

int sysfs_each_dm(sysfs_dm_fn fn, void *data)
{
	return each_in(BLOCK_DIR, true, fn, data);
}

static void device_path(char *buf, size_t size, dev_t devno, const char *leaf)
{
	snprintf(buf, size, "/sys/dev/block/%u:%u/%s", major(devno),
		 minor(devno), leaf);
}

int sysfs_each_holder(dev_t devno, sysfs_dm_fn fn, void *data)
{
	char path[64];

	device_path(path, sizeof(path), devno, "holders");
	return each_in(path, false, fn, data);
}

bool sysfs_has_holders(dev_t devno)
{
	char path[64];
	struct dirent *de;
	bool found = false;
	DIR *dir;

	device_path(path, sizeof(path), devno, "holders");
	dir = opendir(path);
	if (!dir)
		return false;
	while (!found && (de = readdir(dir)))
		found = de->d_name[0] != '.';
	closedir(dir);
	return found;
}

bool sysfs_is_dm(dev_t devno, const char *uuid)
{
	char path[64], its[UUID_SIZE];

	device_path(path, sizeof(path), devno, "dm/uuid");
	return read_line(AT_FDCWD, path, its, sizeof(its)) &&
		!strcmp(its, uuid);
}

int sysfs_dm_name(dev_t devno, char name[static NAME_SIZE])
{
	char path[64];

	device_path(path, sizeof(path), devno, "dm/name");
	return read_line(AT_FDCWD, path, name, NAME_SIZE) ? 0 : -ENODEV;
}

char *sysfs_node(dev_t devno)
{
	static const char key[] = "DEVNAME=";
	char path[64], line[256], *node = NULL;
	FILE *f;

	device_path(path, sizeof(path), devno, "uevent");
	f = fopen(path, "re");
	if (!f)
		return NULL;
	while (!node && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, key, strlen(key)))
			node = xasprintf("/dev/%s", line + strlen(key));
	}
	fclose(f);
	return node;
}

unsigned int sysfs_logical_block_size(dev_t devno)
{
	char path[64];
	unsigned int size;

	device_path(path, sizeof(path), devno, "queue/logical_block_size");
	size = read_number(AT_FDCWD, path);
	if (size)
		return size;
	device_path(path, sizeof(path), devno, "../queue/logical_block_size");
	return read_number(AT_FDCWD, path);
}

bool sysfs_loop_file(dev_t devno, char *file, size_t size)
{
	char path[64];

	device_path(path, sizeof(path), devno, "loop/backing_file");
	return read_line(AT_FDCWD, path, file, size);
}
