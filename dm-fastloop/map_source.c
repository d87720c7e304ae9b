// SPDX-License-Identifier: GPL-2.0-only
/*
 * map_source: the checks between a file system's answer and the map.
 */
#include <linux/align.h>
#include <linux/blkdev.h>
#include <linux/errno.h>
#include <linux/fiemap.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/overflow.h>

#include "map_source.h"

/* Is [raw->pos, end) of the file, as reported and as clipped, in whole blocks? */
static bool floop_raw_is_aligned(const struct floop_geometry *geo,
				 const struct floop_raw_extent *raw, u64 end)
{
	return IS_ALIGNED(raw->pos | raw->len | end, (u64)geo->align);
}

/* May I/O to raw->phys go straight to the disk? */
static bool floop_raw_is_on_disk(const struct floop_geometry *geo,
				 const struct floop_raw_extent *raw)
{
	u64 phys_end;

	/* File systems say 0 when they have no address to tell. */
	return raw->phys && IS_ALIGNED(raw->phys, (u64)geo->align) &&
	       !check_add_overflow(raw->phys, raw->len, &phys_end) &&
	       phys_end <= geo->disk_len;
}

static enum floop_kind floop_raw_kind(const struct floop_geometry *geo,
				      const struct floop_raw_extent *raw,
				      u64 end)
{
	if (!floop_raw_is_aligned(geo, raw, end))
		return FLOOP_FILE;

	switch (raw->kind) {
	case FLOOP_WRITTEN:
		return floop_raw_is_on_disk(geo, raw) ? FLOOP_WRITTEN :
							FLOOP_FILE;
	case FLOOP_HOLE:
		return FLOOP_HOLE;
	default:
		return FLOOP_FILE;
	}
}

int floop_raw_check(const struct floop_geometry *geo,
		    const struct floop_raw_extent *raw,
		    struct floop_range *range)
{
	u64 end;

	if (check_add_overflow(raw->pos, raw->len, &end))
		return -EINVAL;
	end = min(end, geo->file_len);
	if (raw->pos >= end)
		return -ENODATA;

	range->kind = floop_raw_kind(geo, raw, end);
	range->sector = raw->pos >> SECTOR_SHIFT;
	range->nr_sectors = DIV_ROUND_UP_ULL(end, SECTOR_SIZE) -
			    range->sector;
	range->phys = 0;
	if (range->kind == FLOOP_WRITTEN)
		range->phys = raw->phys >> SECTOR_SHIFT;
	return 0;
}

enum floop_kind floop_fiemap_kind(u32 fe_flags)
{
	const u32 understood = FIEMAP_EXTENT_LAST | FIEMAP_EXTENT_MERGED |
			       FIEMAP_EXTENT_UNWRITTEN;

	if (fe_flags & ~understood)
		return FLOOP_FILE;
	return fe_flags & FIEMAP_EXTENT_UNWRITTEN ? FLOOP_HOLE : FLOOP_WRITTEN;
}
