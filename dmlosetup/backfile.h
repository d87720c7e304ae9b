/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * backfile: the regular file or block device under a fastloop device.
 */
#ifndef DMLOSETUP_BACKFILE_H
#define DMLOSETUP_BACKFILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "loopdm.h"

struct backfile {
	const char *path;	/* as it was given */
	int fd;			/* O_PATH: holds the inode and nothing else */
	struct stat st;
	uint64_t size;		/* bytes */
	bool read_only;
};

/*
 * Finds the file. It becomes read-only if that is asked for, or if it cannot be
 * written to, as losetup does it. The file is never opened for writing here: a
 * writer, however short, would recall the lease that other devices on the file
 * hold, and be in the way of the one that we are about to make.
 *
 * Returns 0 or -errno: -EINVAL if it is neither a file nor a block device.
 */
int backfile_open(struct backfile *file, const char *path, bool read_only);
void backfile_close(struct backfile *file);

/*
 * The file under @dev, if its path still leads to it. Returns 0 or -errno; *@why
 * is the sentence behind that, or NULL.
 */
int backfile_reopen(struct backfile *file, const struct loopdev *dev,
		    const char **why);

/*
 * Empties the page cache of a block device, where a device on it does not look: it
 * would read what was there before, and what it writes could be overwritten by what
 * is older. For a regular file the kernel does that. Takes as long as the disk does.
 * Returns 0 or -errno; errors of the disk are not seen.
 */
int backfile_sync(const struct backfile *file);

/*
 * Fills @map with the table of @file from @offset on, @sizelimit bytes at most
 * (0: to the end), with these features (NULL: none). A device has whole sectors
 * only, of the size that its disk or the features say. Returns NULL, or the
 * sentence why that cannot be.
 */
const char *backfile_map(const struct backfile *file, uint64_t offset,
			 uint64_t sizelimit, const char *features,
			 struct mapping *map);

/* Tells the user if @map leaves out a part of a sector at the end. */
void backfile_warn_rest(const struct backfile *file, uint64_t offset,
			uint64_t sizelimit, const struct mapping *map);

#endif
