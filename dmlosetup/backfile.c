// SPDX-License-Identifier: GPL-2.0-only
#include "backfile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

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
	char self[32];
	int rc;

	if (fstat(file->fd, &file->st))
		return -errno;
	rc = check_type(&file->st);
	if (rc)
		return rc;

	snprintf(self, sizeof(self), "/proc/self/fd/%d", file->fd);
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

/* What of the file can be seen, in bytes. */
static uint64_t visible(const struct backfile *file, uint64_t offset,
			uint64_t sizelimit)
{
	uint64_t rest = offset < file->size ? file->size - offset : 0;

	return sizelimit && sizelimit < rest ? sizelimit : rest;
}

const char *backfile_map(const struct backfile *file, uint64_t offset,
			 uint64_t sizelimit, struct mapping *map)
{
	const struct stat *st = &file->st;

	if (offset % SECTOR_SIZE)
		return "the offset is not a multiple of 512";
	if (sizelimit && sizelimit < SECTOR_SIZE)
		return "the size limit is smaller than 512 bytes";
	if (!file->size)
		return "the file is empty";
	if (offset >= file->size)
		return "the offset is at or behind the end of the file";

	map->sectors = visible(file, offset, sizelimit) / SECTOR_SIZE;
	if (!map->sectors)
		return offset ? "less than 512 bytes follow the offset" :
				"the file is smaller than 512 bytes";
	map->read_only = file->read_only;
	if (S_ISBLK(st->st_mode)) {
		map->target = TARGET_LINEAR;
		table_format_linear(major(st->st_rdev), minor(st->st_rdev),
				    offset, map->params);
	} else {
		map->target = TARGET_FASTLOOP;
		table_format_fastloop(file->fd, offset, NULL, map->params);
	}
	return NULL;
}

bool backfile_has_rest(const struct backfile *file, uint64_t offset,
		       uint64_t sizelimit)
{
	return visible(file, offset, sizelimit) % SECTOR_SIZE;
}
