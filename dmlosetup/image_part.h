/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * image_part: where in a disk image a partition is.
 */
#ifndef DMLOSETUP_IMAGE_PART_H
#define DMLOSETUP_IMAGE_PART_H

#include <stdint.h>

struct range {
	uint64_t offset;	/* bytes */
	uint64_t size;		/* bytes; 0: to the end */
};

/*
 * Reads the partition table in @range of @path and makes @range that of the
 * partition that @which names: a number, or PARTLABEL=, PARTUUID=, LABEL= or
 * UUID= and a value. Returns NULL, or the sentence why that cannot be.
 */
const char *image_part_find(const char *path, const char *which,
			    struct range *range);

#endif
