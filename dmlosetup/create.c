// SPDX-License-Identifier: GPL-2.0-only
#include "create.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "progress.h"
#include "table.h"
#include "util.h"

/* In one go: short enough for a signal to be heard, long enough to be fast. */
#define STEP		(64ULL << 20)

static int allocate(int fd, const struct new_file *file)
{
	bool progress = progress_is_seen() && file->size > STEP;
	uint64_t done = 0, step;
	int rc = 0;

	while (!rc && done < file->size) {
		if (progress)
			progress_draw(file->path, done, file->size);
		step = file->size - done < STEP ? file->size - done : STEP;
		if (!fallocate(fd, 0, done, step))
			done += step;
		else if (errno != EINTR)
			rc = -errno;
		if (signals_pending())
			rc = -EINTR;
	}
	if (progress)
		progress_clear();
	return rc;
}

static int fill(int fd, struct new_file *file)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	file->dev = st.st_dev;
	file->ino = st.st_ino;
	if (file->prealloc)
		return allocate(fd, file);
	return ftruncate(fd, file->size) ? -errno : 0;
}

static int warn_create(const struct new_file *file, int rc, const char *why)
{
	/* A signal is its own message. */
	if (rc != -EINTR)
		warnx("%s: failed to create file: %s", file->path,
		      why ? why : strerror(-rc));
	return -1;
}

int create_file(struct new_file *file)
{
	int fd, rc;

	if (file->size < SECTOR_SIZE)
		return warn_create(file, 0, "smaller than 512 bytes");
	if (file->size > INT64_MAX)
		return warn_create(file, -EFBIG, NULL);
	/* An image may hold anything: it is for its owner. */
	fd = open(file->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return warn_create(file, -errno, NULL);
	rc = fill(fd, file);
	/* Before the device is made, which wants to be the only writer. */
	close(fd);
	if (!rc)
		return 0;
	create_undo(file);
	return warn_create(file, rc, rc == -EOPNOTSUPP ?
			   "the file system cannot preallocate" : NULL);
}

void create_undo(const struct new_file *file)
{
	struct stat st;

	if (lstat(file->path, &st) || st.st_dev != file->dev ||
	    st.st_ino != file->ino)
		return;
	if (unlink(file->path))
		warn("%s: failed to remove file", file->path);
}
