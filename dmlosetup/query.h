/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * query: which devices there are.
 *
 * These print their own messages and return 0 or -1.
 */
#ifndef DMLOSETUP_QUERY_H
#define DMLOSETUP_QUERY_H

#include <stdint.h>

#include "output.h"

struct filter {
	const char *file;	/* NULL: any */
	bool has_offset;
	uint64_t offset;
};

/* All devices in use that the filter lets through; none is no error. */
int query_all(const struct output *out, const struct filter *filter);

int query_one(const struct output *out, const char *device);

/*
 * Nothing is to be done for --direct-io, but to say whether there is such a device,
 * with a file, and whether one may.
 */
int query_direct_io(const char *device);

#endif
