/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * map_source: what the file system says of a file, made fit for the map.
 *
 * The only place where bytes become sectors. A source (source_*.c) fills
 * floop_raw_extents in bytes, as the file system reported them; nothing it
 * says is trusted before floop_raw_check() has seen it.
 */
#ifndef FLOOP_MAP_SOURCE_H
#define FLOOP_MAP_SOURCE_H

#include "extent_map.h"

/* One answer of a file system; all in bytes. */
struct floop_raw_extent {
	u64 pos;		/* in the file */
	u64 phys;		/* on s_bdev; WRITTEN only */
	u64 len;
	enum floop_kind kind;	/* WRITTEN, HOLE or FILE */
};

/* What the answers are checked against. */
struct floop_geometry {
	u64 file_len;		/* i_size rounded down to a fs block, bytes */
	u64 disk_len;		/* of s_bdev, bytes */
	/* bytes that pos, phys, len are multiples of; a power of two, >= 512 */
	u32 align;
};

/* The same, in sectors and checked. */
struct floop_range {
	sector_t sector;
	sector_t nr_sectors;
	sector_t phys;
	enum floop_kind kind;
};

/*
 * Checks one answer and turns it into sectors. It is clipped at
 * geo->file_len. A WRITTEN answer that is misaligned, wraps around, has
 * physical address 0 or leaves the disk becomes FLOOP_FILE, never a mapping,
 * over every sector it touches; so does a HOLE with misaligned edges.
 *
 * Pure. Returns 0; -ENODATA if nothing is left of it (empty, or beyond the
 * end of the file); -EINVAL if pos + len wraps.
 */
int floop_raw_check(const struct floop_geometry *geo,
		    const struct floop_raw_extent *raw,
		    struct floop_range *range);

/*
 * Kind of a FIEMAP extent by its flags. Only LAST, MERGED and UNWRITTEN are
 * understood; any other flag, known or not, makes it FLOOP_FILE.
 */
enum floop_kind floop_fiemap_kind(u32 fe_flags);

#endif
