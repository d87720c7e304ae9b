// SPDX-License-Identifier: GPL-2.0-only
#include "map.h"

#include <string.h>

/* The first byte of cell @i; there is no overflow for 2^64 bytes. */
static uint64_t cell_start(uint64_t size, size_t i, size_t nr)
{
	return (unsigned __int128)size * i / nr;
}

/* How many bytes of @e are in [@start, @end). */
static uint64_t overlap(const struct extent *e, uint64_t start, uint64_t end)
{
	if (e->start > start)
		start = e->start;
	if (e->start + e->length < end)
		end = e->start + e->length;
	return start < end ? end - start : 0;
}

static enum extent_kind largest(const uint64_t bytes[static NR_EXTENT_KINDS])
{
	int kind, best = EXTENT_WRITTEN;

	for (kind = 0; kind < NR_EXTENT_KINDS; kind++)
		if (bytes[kind] > bytes[best])
			best = kind;
	return best;
}

void map_cells(const struct extents *list, uint64_t size,
	       struct map_cell *cells, size_t nr)
{
	uint64_t bytes[NR_EXTENT_KINDS], start, end;
	const struct extent *e;
	size_t i, j = 0;

	for (i = 0; i < nr; i++) {
		memset(bytes, 0, sizeof(bytes));
		start = cell_start(size, i, nr);
		end = cell_start(size, i + 1, nr);
		cells[i].fragment = false;
		for (; j < list->nr && list->e[j].start < end; j++) {
			e = &list->e[j];
			bytes[e->kind] += overlap(e, start, end);
			if (e->start >= start &&
			    extent_is_fragment(j ? e - 1 : NULL, e))
				cells[i].fragment = true;
			/* The next cell has a part of it, too. */
			if (e->start + e->length > end)
				break;
		}
		cells[i].kind = largest(bytes);
	}
}
