/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * route: what to do with an I/O on a range of one kind.
 *
 * A pure decision; its KUnit test is its truth table.
 */
#ifndef FLOOP_ROUTE_H
#define FLOOP_ROUTE_H

#include "extent_map.h"

enum floop_verb {
	FLOOP_DO_REMAP,		/* send it to the disk */
	FLOOP_DO_ZERO,		/* zero-fill and end it */
	FLOOP_DO_LOOK_UP,	/* ask the file system, then route again */
	FLOOP_DO_FILL,		/* write through the file, then map */
	FLOOP_DO_FILE,		/* read through the file */
};

/*
 * @file_only: the device cannot use the map (its offset does not fit the
 *	disk's blocks)
 *
 * Any context.
 */
static inline enum floop_verb floop_route(enum floop_kind kind, bool write,
					  bool file_only)
{
	if (unlikely(file_only))
		return write ? FLOOP_DO_FILL : FLOOP_DO_FILE;

	switch (kind) {
	case FLOOP_WRITTEN:
		return FLOOP_DO_REMAP;
	case FLOOP_HOLE:
		return write ? FLOOP_DO_FILL : FLOOP_DO_ZERO;
	case FLOOP_UNKNOWN:
		return FLOOP_DO_LOOK_UP;
	case FLOOP_FILE:
		break;
	}

	/* When in doubt it is the file's, never a hole. */
	return write ? FLOOP_DO_FILL : FLOOP_DO_FILE;
}

#endif
