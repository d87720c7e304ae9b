/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * extents: where the bytes of a file lie, as its file system tells it.
 */
#ifndef DMLOSETUP_EXTENTS_H
#define DMLOSETUP_EXTENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum extent_kind {
	EXTENT_WRITTEN,
	EXTENT_UNWRITTEN,	/* allocated, reads as zeroes */
	EXTENT_HOLE,
	EXTENT_OTHER,		/* inline, compressed, shared, not placed yet */
	NR_EXTENT_KINDS
};

struct extent {
	uint64_t start, length;	/* bytes, from the start of the device */
	uint64_t physical;	/* bytes, on the disk; 0 for EXTENT_HOLE */
	enum extent_kind kind;
};

struct extents {
	struct extent *e;
	size_t nr;
};

/*
 * Reads the map of @length bytes of the file from @offset on: all of them, in
 * order, without gaps, neighbours that belong together merged. Nothing is
 * written back for it. To be freed with extents_free(), also after an error.
 * Returns 0 or -errno.
 */
int extents_read(int fd, uint64_t offset, uint64_t length,
		 struct extents *list);
void extents_free(struct extents *list);

/* Adds one behind the others, or makes the last one longer. */
void extents_add(struct extents *list, const struct extent *e);

/* True if @e is a written one that does not lie behind @before on the disk. */
bool extent_is_fragment(const struct extent *before, const struct extent *e);

#endif
