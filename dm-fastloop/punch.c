// SPDX-License-Identifier: GPL-2.0-only
/*
 * punch: giving blocks of the file back, for discard and write-zeroes.
 *
 * A block that is given back may belong to another file at once, so no I/O of
 * ours may be on its way to it: the range is taken out of the map (it is the
 * file's), the I/O that may have seen it there is drained, and then the file
 * system is asked to punch. After that the range is a hole.
 *
 * The file system gets whole blocks only. It would zero parts of blocks in the
 * page cache and write the block back later, over what has been written to its
 * other sectors directly. Edges of a discard are left as they are, edges of
 * write-zeroes are written as zeroes.
 *
 * Draining takes a grace period of RCU, so it is done once for all bios that
 * wait.
 */
#include <linux/blkdev.h>
#include <linux/falloc.h>

#include "extent_map.h"
#include "file_io.h"
#include "fill.h"
#include "punch.h"
#include "source.h"

#define FLOOP_PUNCH_BATCH	64

/*
 * So many sectors are taken out of the map in one mutation: as many ranges at most, which
 * takes less than 1 ms
 */
#define FLOOP_PUNCH_STEP	((sector_t)1 << 16)

static u64 floop_bio_pos(struct floop_bio *fb)
{
	return (u64)fb->rest.bi_sector << SECTOR_SHIFT;
}

unsigned int floop_punch_whole(struct floop_backing *backing,
			       struct floop_bio *fb)
{
	u64 pos = floop_bio_pos(fb);
	u64 end = min(pos + fb->rest.bi_size, backing->geo.file_len);

	end = round_down(end, (u64)backing->geo.align);
	if (!IS_ALIGNED(pos, backing->geo.align) || end <= pos)
		return 0;

	return end - pos;
}

/* Another bio that begins with whole blocks to give back. */
static bool floop_punch_wanted(struct floop_bio *fb, void *data)
{
	return fb->state == FLOOP_BIO_ROUTE &&
	       !(fb->opf & REQ_PREFLUSH) &&
	       floop_bio_op(fb) >= FLOOP_UNMAP &&
	       floop_punch_whole(fb->target->backing, fb);
}

static void floop_punch_collect(struct floop_backing *backing,
				struct list_head *batch)
{
	unsigned int n = 1;
	struct floop_bio *fb;

	while (n++ < FLOOP_PUNCH_BATCH) {
		fb = floop_backing_pop(backing, floop_punch_wanted, NULL);
		if (!fb)
			break;
		fb->part = floop_punch_whole(backing, fb);
		list_add_tail(&fb->list, batch);
	}
}

/* Not at once: it may have millions of ranges, and look-ups find nothing meanwhile. */
static void floop_punch_unmap_one(struct floop_backing *backing,
				  struct floop_bio *fb)
{
	sector_t sector = fb->rest.bi_sector, nr;
	sector_t end = sector + (fb->part >> SECTOR_SHIFT);

	for (; sector < end; sector += nr) {
		nr = min(end - sector, FLOOP_PUNCH_STEP);
		if (floop_map_set(&backing->map, sector, nr, FLOOP_FILE, 0,
				  GFP_NOIO)) {
			floop_map_clear(&backing->map);
			return;
		}
	}
}

/* From here on nobody finds the blocks, and nobody is on his way to them. */
static void floop_punch_unmap(struct floop_backing *backing,
			      struct list_head *batch)
{
	struct floop_bio *fb;

	list_for_each_entry(fb, batch, list)
		floop_punch_unmap_one(backing, fb);
	floop_inflight_drain(&backing->inflight);
}

static int floop_punch_one(struct floop_backing *backing, struct floop_bio *fb)
{
	sector_t sector = fb->rest.bi_sector;
	sector_t nr_sectors = fb->part >> SECTOR_SHIFT;
	int error;

	floop_stat_inc(fb->target->stats, FLOOP_PUNCHES);
	error = floop_file_fallocate(backing, FALLOC_FL_PUNCH_HOLE,
				     floop_bio_pos(fb), fb->part);
	/* Before anybody finds a hole there, and leaves a flush nothing to do. */
	atomic64_inc(&backing->dirty_seq);
	smp_mb__after_atomic();	/* as in floop_fill_dirty() */
	/* What it is after an error the file system has to be asked. */
	if (error ||
	    floop_map_set(&backing->map, sector, nr_sectors, FLOOP_HOLE, 0,
			  GFP_NOIO))
		floop_map_forget_surely(&backing->map, sector, nr_sectors);

	return error;
}

void floop_punch(struct floop_backing *backing, struct floop_bio *fb)
{
	LIST_HEAD(batch);
	int error;

	/* Never wait for it: whoever waits for our lease may hold it. */
	if (!sb_start_write_trylock(backing->sb)) {
		floop_backing_block(backing, fb);
		return;
	}

	floop_source_make_room(backing);
	list_add(&fb->list, &batch);
	floop_punch_collect(backing, &batch);
	floop_punch_unmap(backing, &batch);
	while (!list_empty(&batch)) {
		fb = list_first_entry(&batch, struct floop_bio, list);
		list_del(&fb->list);
		error = floop_punch_one(backing, fb);
		floop_bio_part_done(fb, errno_to_blk_status(error));
	}
	sb_end_write(backing->sb);
}

/*
 * Rounded outwards: what is around it in its blocks is a hole as well, and
 * nobody else writes there meanwhile; a fill that does is waited for.
 */
void floop_punch_allocate(struct floop_backing *backing, struct floop_bio *fb)
{
	u64 align = backing->geo.align;
	u64 pos = round_down(floop_bio_pos(fb), align);
	u64 end = round_up(floop_bio_pos(fb) + fb->part, align);
	int error;

	if (floop_fill_waits(backing, fb))
		return;
	if (!sb_start_write_trylock(backing->sb)) {
		floop_backing_block(backing, fb);
		return;
	}

	error = floop_file_fallocate(backing, FALLOC_FL_ZERO_RANGE, pos,
				     end - pos);
	atomic64_inc(&backing->dirty_seq);
	sb_end_write(backing->sb);
	/* Not supported (ext2, ext3): the block layer writes zeroes, then. */
	floop_bio_part_done(fb, errno_to_blk_status(error));
}

static int floop_punch_in_file(struct floop_backing *backing,
			       struct floop_bio *fb)
{
	u64 block = i_blocksize(floop_backing_inode(backing));
	u64 pos = floop_bio_pos(fb);
	u64 end = pos + fb->part;

	switch (floop_bio_op(fb)) {
	case FLOOP_DISCARD:
		pos = round_up(pos, block);
		end = round_down(end, block);
		if (pos >= end)
			return 0;
		fallthrough;
	case FLOOP_UNMAP:
		return floop_file_fallocate(backing, FALLOC_FL_PUNCH_HOLE, pos,
					    end - pos);
	default:
		return floop_file_fallocate(backing, FALLOC_FL_ZERO_RANGE, pos,
					    end - pos);
	}
}

void floop_punch_file(struct floop_backing *backing, struct floop_bio *fb)
{
	int error;

	if (!sb_start_write_trylock(backing->sb)) {
		floop_backing_block(backing, fb);
		return;
	}

	floop_stat_inc(fb->target->stats, FLOOP_PUNCHES);
	error = floop_punch_in_file(backing, fb);
	sb_end_write(backing->sb);
	floop_bio_part_done(fb, errno_to_blk_status(error));
}
