/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * route: what to do with an I/O on a range of one kind.
 *
 * A pure decision; its KUnit test is its truth table.
 */
#ifndef FLOOP_ROUTE_H
#define FLOOP_ROUTE_H

#include <linux/blk_types.h>

#include "extent_map.h"

/* What is asked for. */
enum floop_op {
	FLOOP_READ,
	FLOOP_WRITE,
	FLOOP_ZERO,		/* write zeroes; blocks stay what they are */
	FLOOP_ALLOCATE,		/* the same, and blocks for holes */
	FLOOP_UNMAP,		/* write zeroes by giving blocks back */
	FLOOP_DISCARD,		/* the same, as far as it is easy */
};

enum floop_verb {
	FLOOP_DO_REMAP,		/* send it to the disk */
	FLOOP_DO_ZERO,		/* zero-fill and end it */
	FLOOP_DO_NOTHING,	/* it is so already */
	FLOOP_DO_LOOK_UP,	/* ask the file system, then route again */
	FLOOP_DO_FILL,		/* write through the file, then map */
	FLOOP_DO_FILE,		/* read through the file */
	FLOOP_DO_PUNCH,		/* whole blocks: give them back */
	FLOOP_DO_ALLOCATE,	/* a hole: have blocks that read as zeroes */
	FLOOP_DO_ZERO_FILE,	/* the file system makes it read as zeroes */
};

/* @punch: the file system can give blocks back, and may. Any context. */
static inline enum floop_op floop_op(blk_opf_t opf, bool punch)
{
	if (likely(!(opf & (REQ_OP_MASK & ~REQ_OP_WRITE))))
		return opf & REQ_OP_WRITE ? FLOOP_WRITE : FLOOP_READ;

	switch (opf & REQ_OP_MASK) {
	case REQ_OP_DISCARD:
		return FLOOP_DISCARD;
	case REQ_OP_WRITE_ZEROES:
		if (opf & REQ_NOUNMAP)
			return FLOOP_ALLOCATE;
		return punch ? FLOOP_UNMAP : FLOOP_ZERO;
	default:
		return op_is_write(opf) ? FLOOP_WRITE : FLOOP_READ;
	}
}

static inline enum floop_verb floop_route_zero(enum floop_kind kind,
					       enum floop_op op,
					       bool disk_takes)
{
	switch (kind) {
	case FLOOP_WRITTEN:
		return disk_takes ? FLOOP_DO_REMAP : FLOOP_DO_ZERO_FILE;
	case FLOOP_HOLE:
		return op == FLOOP_ALLOCATE ? FLOOP_DO_ALLOCATE :
					      FLOOP_DO_NOTHING;
	case FLOOP_UNKNOWN:
		return FLOOP_DO_LOOK_UP;
	default:
		return FLOOP_DO_ZERO_FILE;
	}
}

/*
 * @disk_takes: see floop_disk_takes(); blocks of the disk, in the file and in memory
 *
 * Any context.
 */
static inline enum floop_verb floop_route(enum floop_kind kind,
					  enum floop_op op, bool disk_takes)
{
	bool write = op == FLOOP_WRITE;

	if (unlikely(op > FLOOP_WRITE)) {
		if (op >= FLOOP_UNMAP)
			return kind == FLOOP_HOLE ? FLOOP_DO_NOTHING :
						    FLOOP_DO_PUNCH;
		return floop_route_zero(kind, op, disk_takes);
	}
	if (unlikely(!disk_takes))
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
