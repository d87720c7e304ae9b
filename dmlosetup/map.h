/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * map: a picture of where the file under a device lies.
 */
#ifndef DMLOSETUP_MAP_H
#define DMLOSETUP_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "extents.h"

/*
 * Draws the file under @device, or prints its ranges as JSON. Prints its own
 * messages; returns 0 or -1.
 */
int map_show(const char *device, bool json);

/*
 * What --map draws in @nr cells for @size bytes: for each cell the kind that
 * most of its bytes have (of two, the one with data), and whether a fragment begins in it.
 */
struct map_cell {
	enum extent_kind kind;
	bool fragment;
};

void map_cells(const struct extents *list, uint64_t size,
	       struct map_cell *cells, size_t nr);

#endif
