/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * attach: a file becomes a device.
 */
#ifndef DMLOSETUP_ATTACH_H
#define DMLOSETUP_ATTACH_H

#include <stdbool.h>
#include <stdint.h>

#include "table.h"

/* A device that is there. */
struct attached {
	char name[NAME_SIZE];
	char uuid[UUID_SIZE];
};

struct attach {
	const char *file;
	const char *device;	/* as it was given; NULL: the next free one */
	uint64_t offset;
	uint64_t sizelimit;
	unsigned int sector_size;	/* 0: as the disk has it */
	const char *ref;	/* --loop-ref; NULL: none */
	bool read_only;
	bool partscan;
	bool nooverlap;
	bool overlap;		/* with another one that writes */
	bool show;		/* print the name of the device */
	struct attached *made;	/* which one it has become; may be NULL */
	int *hold;		/* see loopdm_create(); -1, or NULL for none */
};

/*
 * All or nothing: if this fails, if a signal comes before the end or if the
 * name cannot be printed, there is no device, nor a partition of it. Prints its
 * own messages; returns 0 or -1.
 */
int attach_file(const struct attach *req);

#endif
