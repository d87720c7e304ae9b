// SPDX-License-Identifier: GPL-2.0-only
/*
 * source_bmap: where a file lies, one block at a time.
 *
 * bmap() says 0 for a hole, for unwritten blocks, inline data, shared blocks
 * and every error. So 0 only means "not mapped"; a hole it is when SEEK_DATA,
 * which reports errors, finds no data there either. File systems without a
 * SEEK_DATA of their own say that everything is data, and so their holes stay
 * with the file.
 *
 * For XFS too: its export operations for block layouts answer a whole extent at
 * once, but take the inode's lock exclusively, and drop all of its pages.
 */
#include <linux/fs.h>

#include "source.h"

/* How many pieces of data are asked for before that is believed to be vain. */
#define FLOOP_BMAP_PROBES	16

/* Returns the physical position in bytes, or 0. */
static u64 floop_bmap(struct inode *inode, u64 pos)
{
	sector_t block = pos >> inode->i_blkbits;

	if (bmap(inode, &block))
		return 0;
	return (u64)block << inode->i_blkbits;
}

/* Mapped blocks from raw->pos on that continue each other on the disk. */
static void floop_bmap_run(struct inode *inode, struct floop_raw_extent *raw,
			   u64 end)
{
	u64 block_size = i_blocksize(inode);

	raw->kind = FLOOP_WRITTEN;
	for (raw->len = block_size; raw->pos + raw->len < end;
	     raw->len += block_size)
		if (floop_bmap(inode, raw->pos + raw->len) !=
		    raw->phys + raw->len)
			break;
}

/* Not mapped at raw->pos: a proven hole, or the file's. */
static int floop_bmap_hole(struct floop_backing *backing,
			   struct floop_raw_extent *raw)
{
	u64 file_len = backing->geo.file_len;
	loff_t data = vfs_llseek(backing->file, raw->pos, SEEK_DATA);

	raw->kind = FLOOP_HOLE;
	raw->phys = 0;
	if (data == -ENXIO) {
		/* No data up to the end of the file, or beyond that end. */
		if (raw->pos >= i_size_read(floop_backing_inode(backing)))
			return -ENXIO;
		raw->len = file_len - raw->pos;
		return 0;
	}
	if (data < 0)
		return data;

	raw->len = round_down((u64)data, backing->geo.align) - raw->pos;
	if (!raw->len) {
		raw->kind = FLOOP_FILE;
		raw->len = backing->geo.align;
	}

	return 0;
}

int floop_learn_bmap(struct floop_backing *backing, u64 pos, u64 end)
{
	struct inode *inode = floop_backing_inode(backing);
	struct floop_raw_extent raw;
	int error;

	WRITE_ONCE(backing->source, "bmap");
	for (raw.pos = pos; raw.pos < end; raw.pos += raw.len) {
		raw.phys = floop_bmap(inode, raw.pos);
		error = 0;
		if (raw.phys)
			floop_bmap_run(inode, &raw, end);
		else
			error = floop_bmap_hole(backing, &raw);
		if (!error)
			error = floop_source_publish(backing, &raw);
		if (error)
			return error;
	}

	return 0;
}

bool floop_bmap_is_refused(struct floop_backing *backing)
{
	struct inode *inode = floop_backing_inode(backing);
	loff_t pos = 0;
	int i;

	for (i = 0; i < FLOOP_BMAP_PROBES; i++) {
		pos = vfs_llseek(backing->file, pos, SEEK_DATA);
		if (pos == -ENXIO)
			break;
		if (pos < 0)
			return true;
		if (floop_bmap(inode, pos))
			return false;
		/* Data, or unwritten and somebody has just read it. */
		pos = vfs_llseek(backing->file, pos, SEEK_HOLE);
	}

	return i;
}
