// SPDX-License-Identifier: GPL-2.0-only
/*
 * fill: first write to a range that is not mapped.
 *
 * The write goes through the file, so that the file system allocates and
 * knows that the blocks are valid. When the data is on the blocks, and no
 * dirty page is left that could be written over later ones, the range is
 * looked up again and published. Until then reads see what was there before:
 * zeroes, never what the blocks held.
 *
 * There is one worker, so fills of one file never overlap, and two bios to
 * parts of one file-system block find their way one after the other.
 *
 * Dirty neighbours. A direct write may give up on a page that somebody is just
 * reading, and then the file system goes through the page cache. File systems
 * with buffer heads write back the blocks that were written to. iomap before
 * Linux 6.6 (XFS) writes back the whole folio, with what its other blocks held
 * when it was read; and they may belong to ranges that are mapped, and have
 * been written to directly since. The same goes for the sectors of a block, on
 * a disk that takes only whole blocks. So, where backing->dirty_neighbours:
 *
 *   - while a fill is under way (backing->filling), direct writes that end are
 *     not acknowledged but queued behind it;
 *   - a fill that did go through the page cache moves backing->epoch on, after
 *     the last dirty page has been written back;
 *   - a direct write that began in an earlier epoch is written again.
 *
 * A folio read before a direct write ended is seen by that write as a page in
 * its range; one that is read later has the new data.
 */
#include <linux/blkdev.h>
#include <linux/falloc.h>
#include <linux/pagemap.h>

#include "compat.h"
#include "file_io.h"
#include "fill.h"
#include "lease.h"
#include "source.h"
#include "trace.h"

/* The bio's data, or zeroes that only the file system can write. */
static int floop_fill_data(struct floop_backing *backing, struct floop_bio *fb,
			   bool *fell_back)
{
	if (floop_bio_op(fb) == FLOOP_WRITE)
		return floop_file_write(backing, fb, fell_back);

	*fell_back = true;
	return floop_file_fallocate(backing, FALLOC_FL_ZERO_RANGE,
				    (u64)fb->rest.bi_sector << SECTOR_SHIFT,
				    fb->part);
}

static int floop_fill_write(struct floop_backing *backing,
			    struct floop_bio *fb, bool *fell_back)
{
	loff_t pos = (loff_t)fb->rest.bi_sector << SECTOR_SHIFT;
	loff_t last = pos + fb->part - 1;
	loff_t i_size = i_size_read(floop_backing_inode(backing));
	int error;

	error = floop_fill_data(backing, fb, fell_back);
	/* What precedes a write beyond the end goes through the page cache. */
	if (last >= i_size)
		*fell_back = true;
	/* Even then: what it did write must not come later than the next. */
	if (backing->mapping->nrpages) {
		int flush_error = filemap_write_and_wait(backing->mapping);

		*fell_back = true;
		invalidate_inode_pages2_range(backing->mapping,
					      pos >> PAGE_SHIFT,
					      last >> PAGE_SHIFT);
		if (!error)
			error = flush_error;
	}

	return error;
}

/* What is not written is not known any more. */
static void floop_fill_forget(struct floop_backing *backing, u64 pos, u64 end)
{
	struct floop_answer answer;
	sector_t sector = pos >> SECTOR_SHIFT;
	sector_t last = end >> SECTOR_SHIFT;
	sector_t nr;

	for (; sector < last; sector += nr) {
		floop_map_lookup(&backing->map, sector, &answer);
		nr = min(answer.nr_sectors, last - sector);
		if (answer.kind != FLOOP_WRITTEN &&
		    floop_map_forget(&backing->map, sector, nr, GFP_NOIO))
			floop_map_clear(&backing->map);
	}
}

/*
 * The file's answer for [pos, pos + len) has changed. Written ranges stay: the
 * file system has said so before. After an error nothing is published: the
 * blocks may be there and the data not on them.
 */
static void floop_fill_publish(struct floop_backing *backing, u64 pos, u64 len,
			       int error)
{
	u64 start = round_down(pos, backing->geo.align);
	u64 end = round_up(pos + len, backing->geo.align);

	if (error || floop_source_learn(backing, start, end))
		floop_fill_forget(backing, start, end);
}

void floop_fill(struct floop_backing *backing, struct floop_bio *fb)
{
	u64 pos = (u64)fb->rest.bi_sector << SECTOR_SHIFT;
	const char *reason;
	bool permanent;
	bool fell_back;
	int error;

	/* Journalling data can be switched on without moving the lease. */
	reason = floop_source_refuses(backing, &permanent);
	if (reason && !backing->pinned) {
		floop_lease_recall(backing, reason);
		fb->state = FLOOP_BIO_ROUTE;
		floop_backing_queue(backing, fb);
		return;
	}
	/* Never wait for it: whoever waits for our lease may hold it. */
	if (!sb_start_write_trylock(backing->sb)) {
		fb->state = FLOOP_BIO_ROUTE;
		floop_backing_block(backing, fb);
		return;
	}

	floop_stat_inc(fb->target->stats, FLOOP_FILLS);
	WRITE_ONCE(backing->filling, true);
	smp_mb();	/* pairs with the one in floop_write_met_pages() */
	error = floop_fill_write(backing, fb, &fell_back);
	trace_fastloop_fill(backing, pos, fb->part, error);
	/* The dirty pages are on the disk before anybody begins a new epoch. */
	if (fell_back)
		/* pairs with the barrier in floop_write_met_pages() */
		smp_store_release(&backing->epoch, backing->epoch + 1);
	/* likewise, and the epoch is seen before the end of the filling */
	smp_store_release(&backing->filling, false);
	sb_end_write(backing->sb);

	/* Also after an error: part of it may be in the file. */
	atomic64_inc(&backing->dirty_seq);
	smp_mb__after_atomic();	/* pairs with the one in floop_bio_map() */
	floop_fill_publish(backing, pos, fb->part, error);
	floop_bio_part_done(fb, errno_to_blk_status(error));
}
