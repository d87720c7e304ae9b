// SPDX-License-Identifier: GPL-2.0-only
#include "backfile.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sysfs.h"

#define SELF_SIZE 32

/* The file that an O_PATH descriptor holds, for calls that want a path. */
static void self_path(const struct backfile *file, char self[static SELF_SIZE])
{
	snprintf(self, SELF_SIZE, "/proc/self/fd/%d", file->fd);
}

static int read_blockdev(struct backfile *file, const char *self)
{
	int ro = 0, rc = 0;
	int fd = open(self, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	if (ioctl(fd, BLKGETSIZE64, &file->size) || ioctl(fd, BLKROGET, &ro))
		rc = -errno;
	close(fd);
	if (ro)
		file->read_only = true;
	return rc;
}

static int check_type(const struct stat *st)
{
	if (S_ISREG(st->st_mode) || S_ISBLK(st->st_mode))
		return 0;
	return S_ISDIR(st->st_mode) ? -EISDIR : -EINVAL;
}

static int look_at(struct backfile *file)
{
	char self[SELF_SIZE];
	int rc;

	if (fstat(file->fd, &file->st))
		return -errno;
	rc = check_type(&file->st);
	if (rc)
		return rc;

	self_path(file, self);
	if (!file->read_only && faccessat(AT_FDCWD, self, W_OK, AT_EACCESS)) {
		if (errno != EROFS && errno != EACCES)
			return -errno;
		file->read_only = true;
	}
	if (S_ISBLK(file->st.st_mode))
		return read_blockdev(file, self);
	if (faccessat(AT_FDCWD, self, R_OK, AT_EACCESS))
		return -errno;
	file->size = file->st.st_size;
	return 0;
}

int backfile_open(struct backfile *file, const char *path, bool read_only)
{
	int rc;

	file->path = path;
	file->read_only = read_only;
	file->size = 0;
	file->fd = open(path, O_PATH | O_CLOEXEC);
	if (file->fd < 0)
		return -errno;
	rc = look_at(file);
	if (rc)
		backfile_close(file);
	return rc;
}

void backfile_close(struct backfile *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

int backfile_reopen(struct backfile *file, const struct loopdev *dev,
		    const char **why)
{
	int rc;

	*why = NULL;
	if (!dev->path || !dev->has_ident)
		return -EINVAL;
	rc = backfile_open(file, dev->path, dev->read_only);
	if (rc || ident_is(&dev->ident, &file->st))
		return rc;
	backfile_close(file);
	*why = "its path leads to another file now";
	return -ESTALE;
}

int backfile_sync(const struct backfile *file)
{
	char self[SELF_SIZE];
	int fd, rc = 0;

	if (!S_ISBLK(file->st.st_mode))
		return 0;
	self_path(file, self);
	fd = open(self, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, BLKFLSBUF))
		rc = -errno;
	close(fd);
	return rc;
}

/* What of the file can be seen, in bytes. */
static uint64_t visible(const struct backfile *file, uint64_t offset,
			uint64_t sizelimit)
{
	uint64_t rest = offset < file->size ? file->size - offset : 0;

	return sizelimit && sizelimit < rest ? sizelimit : rest;
}

static const char *check_range(const struct backfile *file, uint64_t offset,
			       uint64_t sizelimit)
{
	if (offset % SECTOR_SIZE)
		return "the offset is not a multiple of 512";
	if (sizelimit && sizelimit < SECTOR_SIZE)
		return "the size limit is smaller than 512 bytes";
	if (!file->size)
		return "the file is empty";
	if (offset >= file->size)
		return "the offset is at or behind the end of the file";
	if (visible(file, offset, sizelimit) < SECTOR_SIZE)
		return offset ? "less than 512 bytes follow the offset" :
				"the file is smaller than 512 bytes";
	return NULL;
}

static bool is_sector_size(unsigned int size)
{
	return size >= SECTOR_SIZE && size <= MAX_SECTOR_SIZE &&
		!(size & (size - 1));
}

static void map_blockdev(const struct backfile *file, uint64_t offset,
			 struct mapping *map)
{
	dev_t disk = file->st.st_rdev;

	map->target = TARGET_LINEAR;
	map->sector_size = sysfs_logical_block_size(disk);
	table_format_linear(major(disk), minor(disk), offset, map->params);
}

static bool map_file(const struct backfile *file, uint64_t offset,
		     const char *features, struct mapping *map)
{
	map->target = TARGET_FASTLOOP;
	map->sector_size = features_get(features, FEATURE_SECTOR_SIZE);
	if (!map->sector_size)
		map->sector_size = sysfs_logical_block_size(file->st.st_dev);
	return table_format_fastloop(file->fd, offset, features, map->params);
}

const char *backfile_map(const struct backfile *file, uint64_t offset,
			 uint64_t sizelimit, const char *features,
			 struct mapping *map)
{
	unsigned int wanted = features_get(features, FEATURE_SECTOR_SIZE);
	const char *why = check_range(file, offset, sizelimit);

	if (why)
		return why;
	if (wanted && !is_sector_size(wanted))
		return "a sector has 512, 1024, 2048 or 4096 bytes";
	if (S_ISBLK(file->st.st_mode))
		map_blockdev(file, offset, map);
	else if (!map_file(file, offset, features, map))
		return "its table line has too many features";
	/* A file system without a disk knows no sectors. */
	if (map->sector_size < SECTOR_SIZE)
		map->sector_size = SECTOR_SIZE;
	if (wanted && wanted != map->sector_size)
		return "a block device keeps the size of its sectors";

	map->read_only = file->read_only;
	map->sectors = visible(file, offset, sizelimit) / map->sector_size *
		       (map->sector_size / SECTOR_SIZE);
	return map->sectors ? NULL : "there is less than one sector of it";
}

void backfile_warn_rest(const struct backfile *file, uint64_t offset,
			uint64_t sizelimit, const struct mapping *map)
{
	if (visible(file, offset, sizelimit) % map->sector_size)
		warnx("%s: Warning: file does not fit into a %u-byte sector; "
		      "the end of the file will be ignored.", file->path,
		      map->sector_size);
}
