// SPDX-License-Identifier: GPL-2.0-only
/*
 * source_layout: where a file lies, from the export operations that XFS has
 * for pNFS block layouts. One call answers a whole extent, from the extent
 * tree in memory.
 *
 * The layout lease that we hold is what makes the answer last; see lease.c.
 */
#include <linux/exportfs.h>
#include <linux/iomap.h>

#include "source.h"

static enum floop_kind floop_iomap_kind(const struct iomap *iomap)
{
	if (iomap->flags & IOMAP_F_SHARED)
		return FLOOP_FILE;

	switch (iomap->type) {
	case IOMAP_MAPPED:
		return FLOOP_WRITTEN;
	case IOMAP_HOLE:
	case IOMAP_UNWRITTEN:
		return FLOOP_HOLE;
	default:
		return FLOOP_FILE;
	}
}

/* Publishes the extent at @pos and moves *@pos behind it. */
static int floop_layout_extent(struct floop_backing *backing, u64 *pos)
{
	struct inode *inode = floop_backing_inode(backing);
	struct floop_raw_extent raw;
	struct iomap iomap = {};
	u32 generation;
	int error;

	error = inode->i_sb->s_export_op->map_blocks(inode, *pos,
						     backing->geo.file_len - *pos,
						     &iomap, false,
						     &generation);
	if (error)
		return error;
	if (iomap.offset > *pos || iomap.offset + iomap.length <= *pos)
		return -EIO;

	raw.kind = floop_iomap_kind(&iomap);
	/* A hole is only known from where we asked. */
	raw.pos = raw.kind == FLOOP_WRITTEN ? iomap.offset : *pos;
	raw.len = iomap.offset + iomap.length - raw.pos;
	raw.phys = raw.kind == FLOOP_WRITTEN ? iomap.addr : 0;
	*pos = raw.pos + raw.len;

	return floop_source_publish(backing, &raw);
}

int floop_learn_layout(struct floop_backing *backing, u64 pos, u64 end)
{
	int error;

	WRITE_ONCE(backing->source, "layout");
	while (pos < end && pos < backing->geo.file_len) {
		error = floop_layout_extent(backing, &pos);
		if (error)
			return error;
	}

	return 0;
}
