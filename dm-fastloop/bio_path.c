// SPDX-License-Identifier: GPL-2.0-only
/*
 * bio_path: see bio_path.h.
 *
 * Every bio that map() accepts is ended once, in one of three ways: by dm,
 * after floop_bio_end_io() has returned DM_ENDIO_DONE for its last part on the
 * disk; or by floop_bio_end(), which sets FLOOP_BIO_DONE first so that the
 * same function lets it pass; or it is refused in map() before anything else
 * has seen it.
 */
#include <linux/blk-cgroup.h>
#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/pagemap.h>

#include "bio_path.h"
#include "compat.h"
#include "file_io.h"
#include "fill.h"
#include "lease.h"
#include "punch.h"
#include "source.h"
#include "trace.h"

/* Of one target there are events of errors so often at most, in jiffies. */
#define FLOOP_FAILED_FIRST	HZ
#define FLOOP_FAILED_MOST	(64 * HZ)

/* ---- ends ---- */

/*
 * A file system that is full fails many I/Os a second. And udev, which is told, reads
 * the device, and may fail again: so it takes ever longer if that does not end.
 */
static void floop_bio_failed(struct floop_target *target, blk_status_t status)
{
	unsigned long interval = READ_ONCE(target->failed_interval);
	unsigned long passed = jiffies - READ_ONCE(target->failed_told);

	/* Not an error: what cannot be done is done in another way. */
	if (status == BLK_STS_NOTSUPP || (interval && passed < interval))
		return;

	interval = passed < 4 * interval ? 2 * interval : FLOOP_FAILED_FIRST;
	WRITE_ONCE(target->failed_interval,
		   min_t(unsigned long, interval, FLOOP_FAILED_MOST));
	WRITE_ONCE(target->failed_told, jiffies);
	WRITE_ONCE(target->failed, blk_status_to_errno(status));
	floop_backing_tell(target->backing, false);
}

void floop_bio_end(struct floop_bio *fb, blk_status_t status)
{
	struct bio *bio = fb->bio;

	if (unlikely(status))
		floop_bio_failed(fb->target, status);
	fb->state = FLOOP_BIO_DONE;
	bio->bi_status = status;
	bio_endio(bio);
}

static void floop_bio_requeue(struct floop_bio *fb, enum floop_bio_state state)
{
	fb->state = state;
	floop_backing_queue(fb->target->backing, fb);
}

void floop_bio_part_in_file(struct floop_bio *fb)
{
	if (fb->opf & REQ_FUA)
		floop_bio_requeue(fb, FLOOP_BIO_SYNC);
	else
		floop_bio_part_done(fb, BLK_STS_OK);
}

/* Returns true if there is more to do. */
static bool floop_bio_advance(struct floop_bio *fb)
{
	bio_advance_iter(fb->bio, &fb->rest, fb->part);
	fb->part = 0;
	fb->buffered = false;
	fb->alone = false;

	return fb->rest.bi_size;
}

void floop_bio_part_done(struct floop_bio *fb, blk_status_t status)
{
	if (!status && floop_bio_advance(fb))
		floop_bio_requeue(fb, FLOOP_BIO_ROUTE);
	else
		floop_bio_end(fb, status);
}

/*
 * Others may have read the file through the page cache while we wrote under
 * it. A page read before our write was complete is in the cache by now, since
 * it got there before it was read.
 */
static bool floop_write_met_pages(struct floop_backing *backing,
				  struct floop_bio *fb)
{
	loff_t pos = (loff_t)fb->rest.bi_sector << SECTOR_SHIFT;

	/* Nothing that swaps may wait for pages, and nobody reads swap. */
	if (unlikely(backing->pinned))
		return false;

	smp_mb();	/* our data before the look at the cache */
	if (unlikely(floop_fill_endangers(backing, fb)))
		return true;
	if (likely(!READ_ONCE(backing->mapping->nrpages)))
		return false;

	return filemap_range_has_page(backing->mapping, pos,
				      pos + fb->part - 1);
}

/* The disk has written a part; leaves its section. Returns true for CHECK. */
static bool floop_bio_written(struct floop_backing *backing,
			      struct floop_bio *fb, blk_status_t status)
{
	bool check;

	floop_backing_written(backing);
	floop_backing_end_write(backing);
	check = !status && floop_write_met_pages(backing, fb);
	/* Out of the section before into a queue: recall waits for sections. */
	floop_bio_leave(backing, fb);

	return check;
}

int floop_bio_end_io(struct dm_target *ti, struct bio *bio,
		     blk_status_t *error)
{
	struct floop_bio *fb = dm_per_bio_data(bio, sizeof(*fb));
	struct floop_target *target = ti->private;

	if (fb->state == FLOOP_BIO_DISK) {
		floop_bio_leave(target->backing, fb);
		return DM_ENDIO_DONE;
	}
	if (fb->state != FLOOP_BIO_WRITE ||
	    likely(!floop_bio_written(target->backing, fb, *error)))
		return DM_ENDIO_DONE;

	/* It will be ended again: rq-qos must not count that twice. */
	bio_clear_flag(bio, BIO_QOS_THROTTLED);
	bio_clear_flag(bio, BIO_QOS_MERGED);
	/* map() does not set these for a bio that it sends to the disk. */
	fb->buffered = false;
	fb->again = false;
	fb->alone = false;
	fb->target = target;
	fb->bio = bio;
	floop_bio_requeue(fb, FLOOP_BIO_CHECK);

	return DM_ENDIO_INCOMPLETE;
}

/* ---- map ---- */

/*
 * Whole blocks of the disk; and in memory as well, piece by piece, since whoever
 * cuts the bio further down cuts between pieces. The block layer sees to that for
 * the blocks that the device has.
 */
bool floop_disk_takes_blocks(struct floop_target *target, struct bio *bio,
			     struct bvec_iter part)
{
	unsigned int mask = (target->block_mask + 1) * SECTOR_SIZE - 1;
	struct bvec_iter pos;
	struct bio_vec bv;

	if ((part.bi_sector | part.bi_size >> SECTOR_SHIFT) &
	    target->block_mask)
		return false;
	if (likely(!target->small_blocks) ||
	    floop_op(bio->bi_opf, false) > FLOOP_WRITE)
		return true;

	__bio_for_each_bvec(bv, bio, pos, part)
		if ((bv.bv_offset | bv.bv_len) & mask)
			return false;

	return true;
}

static noinline int floop_bio_to_worker(struct floop_target *target,
					struct floop_bio *fb, struct bio *bio)
{
	if (bio->bi_opf & REQ_NOWAIT) {
		fb->state = FLOOP_BIO_DONE;
		bio_wouldblock_error(bio);
		return DM_MAPIO_SUBMITTED;
	}

	bio_clear_polled(bio);
	/* dm's clone does not know yet who has sent it; the worker has to. */
	bio_associate_blkg(bio);
	fb->rest = bio->bi_iter;
	fb->part = 0;
	fb->buffered = false;
	fb->again = false;
	fb->alone = false;
	fb->opf = bio->bi_opf;
	fb->target = target;
	fb->bio = bio;
	floop_bio_requeue(fb, FLOOP_BIO_ROUTE);

	return DM_MAPIO_SUBMITTED;
}

static int floop_bio_to_disk(struct floop_backing *backing, struct bio *bio,
			     sector_t phys)
{
	/* Somebody may have to wait for it who does not poll. */
	bio_clear_polled(bio);
	floop_clone_set_dev(bio, backing->bdev);
	bio->bi_iter.bi_sector = phys;

	return DM_MAPIO_REMAPPED;
}

/* A write; more has to be known of it when it has ended. May return -EAGAIN. */
static int floop_bio_write_disk(struct floop_target *target,
				struct floop_bio *fb, struct bio *bio,
				sector_t phys)
{
	struct floop_backing *backing = target->backing;

	if (unlikely(!floop_backing_start_write(backing)))
		return -EAGAIN;

	floop_stat_inc(target->stats, FLOOP_REMAPPED_WRITES);
	fb->state = FLOOP_BIO_WRITE;
	fb->rest = bio->bi_iter;
	fb->part = bio->bi_iter.bi_size;
	fb->epoch = READ_ONCE(backing->epoch);
	fb->opf = bio->bi_opf;

	return floop_bio_to_disk(backing, bio, phys);
}

static int floop_bio_done(struct floop_bio *fb, struct bio *bio)
{
	fb->state = FLOOP_BIO_DONE;
	bio_endio(bio);

	return DM_MAPIO_SUBMITTED;
}

/*
 * One disk flush is enough while no metadata waits for an fsync, since all
 * data that was acknowledged has been written there. Time stamps move meanwhile.
 */
static noinline int floop_bio_map_flush(struct floop_target *target,
					struct floop_bio *fb, struct bio *bio)
{
	struct floop_backing *backing = target->backing;
	bool disk;

	floop_stat_inc(target->stats, FLOOP_FLUSHES);
	floop_bio_enter(backing, fb);
	disk = floop_backing_is_mapped(backing) &&
	       floop_backing_synced(backing, READ_ONCE(target->error_seen));
	trace_fastloop_flush(backing, disk);
	if (disk) {
		floop_backing_mtime_now(backing);
		fb->state = FLOOP_BIO_DISK;
		return floop_bio_to_disk(backing, bio, 0);
	}
	floop_bio_leave(backing, fb);

	return floop_bio_to_worker(target, fb, bio);
}

/*
 * The block layer only warns of writes to a read-only device, and a file can
 * become immutable while it is open.
 */
static bool floop_refuses_writes(struct floop_backing *backing)
{
	return !backing->writable || IS_IMMUTABLE(backing->mapping->host);
}

/*
 * For a bio in a section, in direct mode. Returns what map() does; or -EAGAIN,
 * for the worker, and then the section has not been left.
 */
static __always_inline int floop_bio_map_known(struct floop_target *target,
					       struct floop_bio *fb,
					       struct bio *bio)
{
	struct floop_backing *backing = target->backing;
	enum floop_op op = floop_op(bio->bi_opf, target->punch);
	struct floop_answer answer =
		floop_map_lookup(&backing->map, bio->bi_iter.bi_sector);
	enum floop_verb verb;

	/*
	 * FUA promises the metadata too: the worker syncs that first. After the
	 * look-up: a range that was found has raised dirty_seq before, if a
	 * fill has published it. Pairs with the barrier in floop_fill().
	 */
	if (unlikely(bio->bi_opf & REQ_FUA)) {
		smp_rmb();	/* see above */
		if (!floop_backing_synced(backing,
					  READ_ONCE(target->error_seen)))
			return -EAGAIN;
	}
	if (answer.nr_sectors < bio_sectors(bio)) {
		/*
		 * One part on its way and another refused: that would reach
		 * the submitter too late to try again. And blocks are given
		 * back whatever they are.
		 */
		if (bio->bi_opf & REQ_NOWAIT || op >= FLOOP_UNMAP)
			return -EAGAIN;
		dm_accept_partial_bio(bio, answer.nr_sectors);
	}

	verb = floop_route(answer.kind, op,
			   floop_disk_takes(target, bio, bio->bi_iter));
	trace_fastloop_route(backing, bio->bi_iter.bi_sector, bio_sectors(bio),
			     op, verb);
	switch (verb) {
	case FLOOP_DO_REMAP:
		if (op != FLOOP_READ)
			return floop_bio_write_disk(target, fb, bio,
						    answer.phys);
		floop_stat_inc(target->stats, FLOOP_REMAPPED_READS);
		fb->state = FLOOP_BIO_DISK;
		return floop_bio_to_disk(backing, bio, answer.phys);
	case FLOOP_DO_ZERO:
		floop_bio_leave(backing, fb);
		floop_stat_inc(target->stats, FLOOP_ZERO_READS);
		zero_fill_bio(bio);
		return floop_bio_done(fb, bio);
	case FLOOP_DO_NOTHING:
		floop_bio_leave(backing, fb);
		return floop_bio_done(fb, bio);
	default:
		return -EAGAIN;
	}
}

int floop_bio_map(struct dm_target *ti, struct bio *bio)
{
	struct floop_bio *fb = dm_per_bio_data(bio, sizeof(*fb));
	struct floop_target *target = ti->private;
	struct floop_backing *backing = target->backing;
	int ret;

	/* From here on a sector of the file. */
	bio->bi_iter.bi_sector = target->start +
		dm_target_offset(ti, bio->bi_iter.bi_sector);

	if (unlikely(bio->bi_opf & REQ_PREFLUSH))
		return floop_bio_map_flush(target, fb, bio);
	if (op_is_write(bio->bi_opf) &&
	    unlikely(floop_refuses_writes(backing)))
		return DM_MAPIO_KILL;

	floop_bio_enter(backing, fb);
	if (likely(floop_backing_is_mapped(backing))) {
		ret = floop_bio_map_known(target, fb, bio);
		if (likely(ret != -EAGAIN))
			return ret;
	}
	floop_bio_leave(backing, fb);

	return floop_bio_to_worker(target, fb, bio);
}

/* ---- the worker's steps; fs_lock held ---- */

static void floop_clone_end_io(struct bio *clone)
{
	struct floop_bio *fb = clone->bi_private;
	struct floop_backing *backing = fb->target->backing;
	blk_status_t status = clone->bi_status;
	bool check = false;

	/* Before anything that waits for the worker, who may wait for it. */
	bio_put(clone);

	if (!op_is_write(fb->opf) || fb->opf & REQ_PREFLUSH)
		floop_bio_leave(backing, fb);
	else
		check = floop_bio_written(backing, fb, status);

	if (check)
		floop_bio_requeue(fb, FLOOP_BIO_CHECK);
	else
		floop_bio_part_done(fb, status);
}

/*
 * Sends the part to the disk as a clone: the block layer may have had the bio
 * itself already, and leaves its traces.
 */
static void floop_bio_send(struct floop_bio *fb, sector_t phys)
{
	struct floop_backing *backing = fb->target->backing;
	struct bio *clone = bio_alloc_clone(backing->bdev, fb->bio, GFP_NOIO,
					    &backing->clones);
	bool again = fb->again;

	/* A new bio to the disk, whatever became of the one it is cloned from. */
	bio_clear_flag(clone, BIO_REMAPPED);
	clone->bi_opf = fb->opf & ~REQ_NOWAIT;
	bio_clear_polled(clone);
	clone->bi_iter = fb->rest;
	clone->bi_iter.bi_size = fb->part;
	clone->bi_iter.bi_sector = phys;
	clone->bi_end_io = floop_clone_end_io;
	clone->bi_private = fb;

	fb->epoch = READ_ONCE(backing->epoch);
	floop_bio_enter(backing, fb);
	/* Charges the submitter's cgroup; the worker has none of its own. */
	dm_submit_bio_remap(fb->bio, clone);

	/*
	 * What a fill has endangered is written again before the next one, that
	 * might do the same. fb may be gone.
	 */
	if (unlikely(again))
		floop_inflight_drain(&backing->inflight);
}

/* What a flush or FUA needs of the file system; also earlier bad news. */
static blk_status_t floop_step_sync(struct floop_backing *backing,
				    struct floop_bio *fb)
{
	struct floop_target *target = fb->target;
	errseq_t seen = target->error_seen;	/* changes only here */
	int error;

	if (backing->mode == FLOOP_MODE_FILE) {
		floop_stat_inc(target->stats, FLOOP_SYNCS);
		floop_backing_fsync(backing);
	} else if (!floop_backing_synced(backing, seen)) {
		floop_stat_inc(target->stats, FLOOP_SYNCS);
		floop_backing_sync(backing);
	}

	error = errseq_check_and_advance(&backing->error, &seen);
	WRITE_ONCE(target->error_seen, seen);

	return errno_to_blk_status(error);
}

static void floop_step_flush(struct floop_backing *backing,
			     struct floop_bio *fb)
{
	blk_status_t status;

	floop_backing_update_mtime(backing);
	status = floop_step_sync(backing, fb);

	if (status || backing->mode == FLOOP_MODE_FILE)
		floop_bio_end(fb, status);
	else
		floop_bio_send(fb, 0);
}

static void floop_step_remap(struct floop_backing *backing,
			     struct floop_bio *fb, sector_t phys)
{
	blk_status_t status = BLK_STS_OK;

	if (fb->opf & REQ_FUA)
		status = floop_step_sync(backing, fb);
	if (status) {
		floop_bio_end(fb, status);
		return;
	}

	if (op_is_write(fb->opf)) {
		if (!floop_backing_start_write(backing)) {
			floop_backing_block(backing, fb);
			return;
		}
		floop_stat_inc(fb->target->stats, FLOOP_REMAPPED_WRITES);
	} else {
		floop_stat_inc(fb->target->stats, FLOOP_REMAPPED_READS);
	}
	floop_bio_send(fb, phys);
}

/* Written through the file: FUA promises that it is durable. */
static void floop_step_fua(struct floop_backing *backing, struct floop_bio *fb)
{
	floop_bio_part_done(fb, floop_step_sync(backing, fb));
}

static void floop_step_zero(struct floop_bio *fb)
{
	floop_stat_inc(fb->target->stats, FLOOP_ZERO_READS);
	fb->bio->bi_iter = fb->rest;
	fb->bio->bi_iter.bi_size = fb->part;
	zero_fill_bio(fb->bio);
	floop_bio_part_done(fb, BLK_STS_OK);
}

/*
 * What is to be written through the file may have been forgotten with direct
 * writes on their way to it. They come before what the file system makes of the
 * whole block. Not again until something else is forgotten: nobody writes to
 * what is not mapped.
 */
static void floop_drain_forgotten(struct floop_backing *backing)
{
	unsigned long forgets = backing->map.forgets;

	if (likely(backing->drained_forgets == forgets))
		return;

	floop_inflight_drain(&backing->inflight);
	backing->drained_forgets = forgets;
}

/* Looks up the beginning of the rest, asking the file system if need be. */
static void floop_step_look_up(struct floop_backing *backing,
			       struct floop_bio *fb,
			       struct floop_answer *answer)
{
	sector_t sector = fb->rest.bi_sector;

	*answer = floop_map_lookup(&backing->map, sector);
	if (answer->kind == FLOOP_UNKNOWN) {
		floop_source_look_ahead(backing, sector);
		*answer = floop_map_lookup(&backing->map, sector);
	}
	if (answer->kind == FLOOP_UNKNOWN) {
		/* Nobody knows: this block is the file's, for this time. */
		answer->kind = FLOOP_FILE;
		answer->nr_sectors = (backing->geo.align >> SECTOR_SHIFT) -
			(sector & ((backing->geo.align >> SECTOR_SHIFT) - 1));
	}
	if (answer->kind == FLOOP_FILE && op_is_write(fb->opf))
		floop_drain_forgotten(backing);
}

/*
 * What of @part bytes the disk or the file system can zero in one go: whole
 * logical blocks of the disk, or less than one. The file system moves blocks
 * that it zeroes as a whole, so it must not get any that are mapped.
 */
static unsigned int floop_zero_part(struct floop_bio *fb, unsigned int part)
{
	unsigned int mask = fb->target->block_mask;
	unsigned int nr_sectors = part >> SECTOR_SHIFT;
	unsigned int edge = -(unsigned int)fb->rest.bi_sector & mask;

	if (edge)
		nr_sectors = min(nr_sectors, edge);
	else if (nr_sectors > mask)
		nr_sectors &= ~mask;

	return nr_sectors << SECTOR_SHIFT;
}

/* The next part, of at most @limit bytes. */
static void floop_step_direct(struct floop_backing *backing,
			      struct floop_bio *fb, enum floop_op op,
			      unsigned int limit)
{
	struct bvec_iter part = fb->rest;
	struct floop_answer answer;
	enum floop_verb verb;

	floop_step_look_up(backing, fb, &answer);
	fb->part = min_t(sector_t, min(fb->rest.bi_size, limit) >> SECTOR_SHIFT,
			 answer.nr_sectors) << SECTOR_SHIFT;
	if (op > FLOOP_WRITE)
		fb->part = floop_zero_part(fb, fb->part);
	part.bi_size = fb->part;

	verb = floop_route(answer.kind, op,
			   floop_disk_takes(fb->target, fb->bio, part));
	trace_fastloop_route(backing, fb->rest.bi_sector,
			     fb->part >> SECTOR_SHIFT, op, verb);
	switch (verb) {
	case FLOOP_DO_REMAP:
		floop_step_remap(backing, fb, answer.phys);
		break;
	case FLOOP_DO_ZERO:
		floop_step_zero(fb);
		break;
	case FLOOP_DO_NOTHING:
		floop_bio_part_done(fb, BLK_STS_OK);
		break;
	case FLOOP_DO_ALLOCATE:
		floop_punch_allocate(backing, fb);
		break;
	case FLOOP_DO_FILL:
	case FLOOP_DO_ZERO_FILE:
		floop_fill(backing, fb);
		break;
	default:
		floop_file_submit(backing, fb);
		break;
	}
}

/*
 * Whole blocks are given back; the rest of a block is zeroed, or left alone. So
 * is everything if another table has pinned the file.
 */
static void floop_step_punch(struct floop_backing *backing,
			     struct floop_bio *fb)
{
	unsigned int block = backing->geo.align;
	unsigned int edge;

	fb->part = backing->pinned ? 0 : floop_punch_whole(backing, fb);
	if (fb->part) {
		floop_punch(backing, fb);
		return;
	}

	edge = block - ((fb->rest.bi_sector << SECTOR_SHIFT) & (block - 1));
	if (backing->pinned)
		edge = UINT_MAX;
	if (floop_bio_op(fb) == FLOOP_DISCARD) {
		fb->part = min(fb->rest.bi_size, edge);
		floop_bio_part_done(fb, BLK_STS_OK);
	} else {
		floop_step_direct(backing, fb, FLOOP_ZERO, edge);
	}
}

/*
 * Written to the disk, but there were pages in the cache. With them gone it is
 * done. If they cannot be dropped, or if a fill may have put old data over
 * ours, it is written again, in file mode if need be.
 */
static void floop_step_check(struct floop_backing *backing,
			     struct floop_bio *fb)
{
	loff_t pos = (loff_t)fb->rest.bi_sector << SECTOR_SHIFT;
	bool endangered = floop_fill_endangers(backing, fb);

	if (floop_backing_is_mapped(backing)) {
		if (invalidate_inode_pages2_range(backing->mapping,
						  pos >> PAGE_SHIFT,
						  (pos + fb->part - 1) >>
						  PAGE_SHIFT)) {
			floop_lease_recall(backing, "cached");
		} else if (!endangered) {
			floop_bio_part_done(fb, BLK_STS_OK);
			return;
		}
	}

	fb->part = 0;
	fb->again = true;
	floop_bio_requeue(fb, FLOOP_BIO_ROUTE);
}

/* Also what is charged to a cgroup is charged to the submitter's. */
void floop_bio_step(struct floop_backing *backing, struct floop_bio *fb)
{
	enum floop_op op = floop_bio_op(fb);

	lockdep_assert_held(&backing->fs_lock);

	kthread_associate_blkcg(bio_blkcg_css(fb->bio));
	if (fb->opf & REQ_PREFLUSH) {
		floop_step_flush(backing, fb);
	} else if (fb->state == FLOOP_BIO_SYNC) {
		floop_step_fua(backing, fb);
	} else if (fb->state == FLOOP_BIO_CHECK) {
		floop_step_check(backing, fb);
	} else if (fb->state == FLOOP_BIO_FILLED) {
		floop_fill_finish(backing, fb);
	} else if (backing->mode == FLOOP_MODE_FILE) {
		fb->part = fb->rest.bi_size;
		if (op > FLOOP_WRITE)
			floop_punch_file(backing, fb);
		else
			floop_file_submit(backing, fb);
	} else if (op >= FLOOP_UNMAP) {
		floop_step_punch(backing, fb);
	} else {
		floop_step_direct(backing, fb, op, UINT_MAX);
	}
	kthread_associate_blkcg(NULL);
}
