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
 * Writes that wait and continue each other are written with one call. Those
 * that consist of whole blocks inside the file are under way together, a bounded
 * number of them: floop_fill_begin() hands them to the file system, which may
 * end them in any context, and floop_fill_finish() does the rest in the worker.
 * What is written to a block that one of them is at waits until it is finished,
 * so fills never overlap. All others are written and finished at once, and so is
 * what has failed, each bio alone.
 *
 * Dirty neighbours. A direct write may give up on a page that somebody is just
 * reading, and then the file system goes through the page cache. File systems
 * with buffer heads write back the blocks that were written to. iomap before
 * Linux 6.6 (XFS) writes back the whole folio, with what its other blocks held
 * when it was read; and they may belong to ranges that are mapped, and have
 * been written to directly since. The same goes for the sectors of a block, on
 * a disk that takes only whole blocks. So, where backing->dirty_neighbours:
 *
 *   - while the worker is inside the file system with a fill (backing->filling),
 *     direct writes that end are not acknowledged but queued behind it;
 *   - a fill that did go through the page cache moves backing->epoch on, after
 *     the last dirty page has been written back;
 *   - a direct write that began in an earlier epoch is written again; so is a
 *     fill, when it has ended.
 *
 * A fill that the file system has taken to end it later has dirtied no page.
 *
 * A folio read before a direct write ended is seen by that write as a page in
 * its range; one that is read later has the new data.
 */
#include <linux/blk-cgroup.h>
#include <linux/blkdev.h>
#include <linux/falloc.h>
#include <linux/pagemap.h>

#include "compat.h"
#include "file_io.h"
#include "fill.h"
#include "lease.h"
#include "source.h"
#include "trace.h"

/* So many of one file are under way together. */
#define FLOOP_MAX_FILLS	32

/* Of those that wait for room, so many try again when half of that has ended. */
#define FLOOP_FILL_RETRY	64

/* Neighbours that are written with one call and published together. */
struct floop_fill_job {
	struct floop_backing *backing;
	struct list_head bios;		/* in order */
	u64 pos;			/* bytes */
	u64 len;
	unsigned int nr_vecs;
	struct cgroup_subsys_state *css;	/* who is charged for all */
	bool fell_back;			/* gone through the page cache */
	bool stale;			/* a page shows what was there before */
	bool may_begin;			/* consists of whole blocks */

	/* Only of those that are under way. */
	struct list_head list;		/* in backing->fills */
	struct list_head waiting;	/* for it to be finished */
	unsigned int section;		/* of backing->inflight */
	bool failed;			/* to write all of it */
	struct bio_vec *vecs;
	struct kiocb iocb;
};

/* ---- jobs ---- */

/* The one that is at a block of [pos, end), bytes, if any. fs_lock held. */
static struct floop_fill_job *floop_fill_at(struct floop_backing *backing,
					    u64 pos, u64 end)
{
	struct floop_fill_job *job;

	pos = round_down(pos, backing->geo.align);
	end = round_up(end, backing->geo.align);
	list_for_each_entry(job, &backing->fills, list)
		if (pos < job->pos + job->len && job->pos < end)
			return job;

	return NULL;
}

static u64 floop_fill_pos(struct floop_bio *fb)
{
	return (u64)fb->rest.bi_sector << SECTOR_SHIFT;
}

bool floop_fill_waits(struct floop_backing *backing, struct floop_bio *fb)
{
	u64 pos = floop_fill_pos(fb);
	struct floop_fill_job *job = floop_fill_at(backing, pos, pos + fb->part);

	if (!job)
		return false;

	fb->state = FLOOP_BIO_ROUTE;
	list_add_tail(&fb->list, &job->waiting);

	return true;
}

/* Is it whole blocks inside the file, that can be written directly? */
static bool floop_fill_is_whole(struct floop_backing *backing,
				struct floop_bio *fb)
{
	u64 pos = floop_fill_pos(fb);

	return !((pos | fb->part) & (backing->geo.align - 1)) &&
	       pos + fb->part <= i_size_read(floop_backing_inode(backing)) &&
	       floop_bio_op(fb) == FLOOP_WRITE && floop_file_direct(backing, fb);
}

/* Can it be under way while the worker goes on? */
static bool floop_fill_may_begin(struct floop_backing *backing,
				 struct floop_bio *fb)
{
	return !fb->alone && !backing->pinned &&
	       floop_fill_is_whole(backing, fb);
}

/*
 * A job for this bio: one that can be under way, if it may be and there is memory,
 * or else @now.
 */
static struct floop_fill_job *floop_fill_new(struct floop_backing *backing,
					     struct floop_bio *fb,
					     struct floop_fill_job *now)
{
	struct floop_fill_job *job = NULL;

	if (floop_fill_may_begin(backing, fb))
		job = kmalloc(sizeof(*job), GFP_NOIO | __GFP_NORETRY |
			      __GFP_NOWARN);
	if (!job)
		job = now;
	*job = (struct floop_fill_job){
		.backing = backing, .may_begin = job != now,
	};
	INIT_LIST_HEAD(&job->bios);
	INIT_LIST_HEAD(&job->waiting);

	return job;
}

static void floop_fill_free(struct floop_fill_job *job)
{
	kfree(job->vecs);
	kfree(job);
}

/* ---- who comes along ---- */

static void floop_fill_add(struct floop_fill_job *job, struct floop_bio *fb)
{
	list_add_tail(&fb->list, &job->bios);
	job->len += fb->part;
	if (floop_bio_op(fb) == FLOOP_WRITE)
		job->nr_vecs += floop_file_count_vecs(fb);
}

/* Is it a write that still has to find its way? */
static bool floop_fill_may_join(struct floop_bio *fb)
{
	return fb->state == FLOOP_BIO_ROUTE && !fb->alone &&
	       !(fb->opf & (REQ_PREFLUSH | REQ_FUA)) &&
	       floop_bio_op(fb) == FLOOP_WRITE;
}

/* A write right behind the others that has to be filled, too. */
static bool floop_fill_wanted(struct floop_bio *fb, void *data)
{
	struct floop_fill_job *job = data;
	struct bvec_iter part = fb->rest;
	struct floop_answer answer;

	/* Of others, fb->part is what is under way. */
	if (!floop_fill_may_join(fb) ||
	    fb->rest.bi_sector != (job->pos + job->len) >> SECTOR_SHIFT)
		return false;

	answer = floop_map_lookup(&job->backing->map, fb->rest.bi_sector);
	fb->part = min_t(sector_t, fb->rest.bi_size >> SECTOR_SHIFT,
			 answer.nr_sectors) << SECTOR_SHIFT;
	part.bi_size = fb->part;

	/* Not if it has to be drained first: see floop_step_look_up(). */
	return (!job->may_begin || floop_fill_is_whole(job->backing, fb)) &&
	       !floop_fill_at(job->backing, floop_fill_pos(fb),
			      floop_fill_pos(fb) + fb->part) &&
	       (answer.kind == FLOOP_HOLE ||
		job->backing->drained_forgets == job->backing->map.forgets) &&
	       floop_file_direct(job->backing, fb) &&
	       bio_blkcg_css(fb->bio) == job->css &&
	       floop_route(answer.kind, FLOOP_WRITE,
			   floop_disk_takes(fb->target, fb->bio, part)) ==
			FLOOP_DO_FILL &&
	       job->nr_vecs + floop_file_count_vecs(fb) <= FLOOP_FILL_VECS;
}

static void floop_fill_collect(struct floop_fill_job *job, struct floop_bio *fb)
{
	bool join = floop_fill_may_join(fb) &&
		    floop_file_direct(job->backing, fb);

	job->pos = floop_fill_pos(fb);
	job->css = bio_blkcg_css(fb->bio);
	floop_fill_add(job, fb);
	while (join && job->nr_vecs < FLOOP_FILL_VECS) {
		fb = floop_backing_pop(job->backing, floop_fill_wanted, job);
		if (!fb)
			break;
		floop_fill_add(job, fb);
	}
}

/* ---- writing ---- */

/* The bio's data, or zeroes that only the file system can write. */
static int floop_fill_one(struct floop_backing *backing, struct floop_bio *fb,
			  bool *fell_back)
{
	if (floop_bio_op(fb) == FLOOP_WRITE)
		return floop_file_write(backing, fb, fell_back);

	*fell_back = true;
	return floop_file_fallocate(backing, FALLOC_FL_ZERO_RANGE,
				    floop_fill_pos(fb), fb->part);
}

/* Returns the first error; each bio has its own. */
static int floop_fill_each(struct floop_fill_job *job)
{
	struct floop_bio *fb;
	bool fell_back;
	int error = 0;
	int ret;

	list_for_each_entry(fb, &job->bios, list) {
		floop_stat_inc(fb->target->stats, FLOOP_FILLS);
		ret = floop_fill_one(job->backing, fb, &fell_back);
		job->fell_back |= fell_back;
		fb->status = errno_to_blk_status(ret);
		if (!error)
			error = ret;
	}

	return error;
}

/* ---- under way ---- */

/* Any context. */
static void floop_fill_complete(struct kiocb *iocb, long ret)
{
	struct floop_fill_job *job =
		container_of(iocb, struct floop_fill_job, iocb);
	struct floop_bio *fb =
		list_first_entry(&job->bios, struct floop_bio, list);
	struct floop_backing *backing = job->backing;

	job->failed = ret != job->len;
	list_del(&fb->list);
	fb->fill = job;
	fb->state = FLOOP_BIO_FILLED;
	floop_backing_end_write(backing);
	/* Out of the section before into a queue: recall waits for sections. */
	floop_inflight_leave(&backing->inflight, job->section);
	floop_backing_queue(backing, fb);
}

/* Room for the bio_vecs of more than one bio. */
static int floop_fill_alloc_vecs(struct floop_fill_job *job)
{
	if (list_is_singular(&job->bios))
		return 0;

	job->vecs = kmalloc_array(job->nr_vecs, sizeof(*job->vecs),
				  GFP_NOIO | __GFP_NORETRY | __GFP_NOWARN);

	return job->vecs ? 0 : -ENOMEM;
}

/*
 * Returns -EIOCBQUEUED if the file system has taken the fill, and ends it later;
 * then the job is not ours any more. 0 if it has been written; -EAGAIN if nothing
 * has been tried, or another error. Our write access to the super block goes with
 * the fill.
 */
static int floop_fill_begin(struct floop_fill_job *job)
{
	struct floop_backing *backing = job->backing;
	struct floop_bio *fb =
		list_first_entry(&job->bios, struct floop_bio, list);
	int error;

	if (floop_fill_alloc_vecs(job))
		return -EAGAIN;

	fb->epoch = backing->epoch;
	list_add(&job->list, &backing->fills);
	backing->nr_fills++;
	job->section = floop_inflight_enter(&backing->inflight);
	__sb_writers_release(backing->sb, SB_FREEZE_WRITE);

	error = floop_file_write_all(backing, &job->bios, job->vecs, &job->iocb,
				     floop_fill_complete, &job->fell_back);
	if (error == -EIOCBQUEUED)
		return error;

	__sb_writers_acquired(backing->sb, SB_FREEZE_WRITE);
	floop_inflight_leave(&backing->inflight, job->section);
	backing->nr_fills--;
	list_del(&job->list);

	return error;
}

static int floop_fill_all_done(struct floop_fill_job *job)
{
	struct floop_bio *fb;

	list_for_each_entry(fb, &job->bios, list) {
		floop_stat_inc(fb->target->stats, FLOOP_FILLS);
		fb->status = BLK_STS_OK;
	}

	return 0;
}

/*
 * All with one call, and so one allocation; if that does not do it, each by
 * itself, so that the error is that of whom it concerns. May return -EIOCBQUEUED:
 * see floop_fill_begin().
 */
static int floop_fill_data(struct floop_fill_job *job)
{
	int error = -EAGAIN;

	if (job->may_begin)
		error = floop_fill_begin(job);
	if (error == -EAGAIN && !list_is_singular(&job->bios))
		error = floop_file_write_all(job->backing, &job->bios,
					     job->backing->fill_vecs,
					     &job->iocb, NULL, &job->fell_back);
	if (error == -EIOCBQUEUED)
		return error;

	return error ? floop_fill_each(job) : floop_fill_all_done(job);
}

/* Returns 0, or an error if a page of the range stays. */
static int floop_fill_drop_pages(struct floop_fill_job *job)
{
	return invalidate_inode_pages2_range(job->backing->mapping,
					     job->pos >> PAGE_SHIFT,
					     (job->pos + job->len - 1) >>
					     PAGE_SHIFT);
}

/* May return -EIOCBQUEUED; otherwise the first error. */
static int floop_fill_write(struct floop_fill_job *job)
{
	struct floop_backing *backing = job->backing;
	loff_t last = job->pos + job->len - 1;
	loff_t i_size = i_size_read(floop_backing_inode(backing));
	errseq_t since = errseq_sample(&backing->mapping->wb_err);
	struct floop_bio *fb;
	int flush_error;
	bool direct;
	int error;

	/* An error that nobody has seen would hide the next one of its kind. */
	errseq_check_and_advance(&backing->mapping->wb_err, &since);
	error = floop_fill_data(job);
	if (error == -EIOCBQUEUED)
		return error;
	/* What precedes a write beyond the end goes through the page cache. */
	if (last >= i_size)
		job->fell_back = true;
	/* The file system may have written it back itself, and kept quiet. */
	flush_error = errseq_check(&backing->mapping->wb_err, since);
	if (!backing->mapping->nrpages && !flush_error)
		return error;

	/* Even after an error: what is dirty must not come later than the next. */
	direct = !job->fell_back;
	job->fell_back = true;
	flush_error = filemap_write_and_wait(backing->mapping);
	if (!flush_error)
		flush_error = errseq_check(&backing->mapping->wb_err, since);
	if (floop_fill_drop_pages(job) && direct) {
		job->stale = true;
		return 0;
	}
	if (flush_error)
		list_for_each_entry(fb, &job->bios, list)
			if (!fb->status)
				fb->status = errno_to_blk_status(flush_error);

	return error ? error : flush_error;
}

/* ---- publishing ---- */

/* What is not written is not known any more. */
static void floop_fill_forget(struct floop_backing *backing, u64 pos, u64 end)
{
	struct floop_answer answer;
	sector_t sector = pos >> SECTOR_SHIFT;
	sector_t last = end >> SECTOR_SHIFT;
	sector_t nr;

	for (; sector < last; sector += nr) {
		answer = floop_map_lookup(&backing->map, sector);
		nr = min(answer.nr_sectors, last - sector);
		if (answer.kind != FLOOP_WRITTEN)
			floop_map_forget_surely(&backing->map, sector, nr);
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
	else if (floop_has_layouts(backing) &&
		 floop_map_lookup(&backing->map,
				  pos >> SECTOR_SHIFT).kind == FLOOP_FILE)
		/* No bmap() of what has been written: see floop_source_probe() */
		floop_lease_recall(backing, "reflink");
}

/* Dirty neighbours: see above. With -EIOCBQUEUED the job is not ours any more. */
static int floop_fill_guarded(struct floop_fill_job *job)
{
	struct floop_backing *backing = job->backing;
	int error;

	WRITE_ONCE(backing->filling, true);
	smp_mb();	/* pairs with the one in floop_write_met_pages() */
	error = floop_fill_write(job);
	/* The dirty pages are on the disk before anybody begins a new epoch. */
	if (error != -EIOCBQUEUED && job->fell_back)
		/* likewise: pairs with the same */
		smp_store_release(&backing->epoch, backing->epoch + 1);
	/* pairs with the acquire in floop_fill_endangers(): the epoch is seen */
	smp_store_release(&backing->filling, false);

	return error;
}

static void floop_fill_end(struct floop_fill_job *job)
{
	struct floop_bio *fb;

	while (!list_empty(&job->bios)) {
		fb = list_first_entry(&job->bios, struct floop_bio, list);
		list_del(&fb->list);
		if (fb->status)
			floop_bio_part_done(fb, fb->status);
		else
			floop_bio_part_in_file(fb);
	}
}

/* Those of a list find their way again. */
static void floop_fill_route(struct floop_backing *backing,
			     struct list_head *bios)
{
	struct floop_bio *fb;

	while (!list_empty(bios)) {
		fb = list_first_entry(bios, struct floop_bio, list);
		list_del(&fb->list);
		fb->state = FLOOP_BIO_ROUTE;
		floop_backing_queue(backing, fb);
	}
}

/* What has been written, or not, can be in the file, or part of it. */
static void floop_fill_dirty(struct floop_backing *backing)
{
	atomic64_inc(&backing->dirty_seq);
	smp_mb__after_atomic();	/* pairs with the one in floop_bio_map() */
}

/* Without it nothing is published. A pinned map has everything already. */
static bool floop_fill_has_lease(struct floop_backing *backing)
{
	return backing->mode == FLOOP_MODE_DIRECT ||
	       backing->mode == FLOOP_MODE_RECALL;
}

/* A page that shows what was there before stays: to be written in file mode. */
static void floop_fill_stale(struct floop_fill_job *job)
{
	floop_lease_recall(job->backing, "cached");
	floop_fill_route(job->backing, &job->bios);
}

static void floop_fill_done(struct floop_fill_job *job, int error)
{
	struct floop_backing *backing = job->backing;

	trace_fastloop_fill(backing, job->pos, job->len, error);
	floop_fill_dirty(backing);
	if (job->stale) {
		floop_fill_stale(job);
		return;
	}
	if (floop_fill_has_lease(backing))
		floop_fill_publish(backing, job->pos, job->len, error);
	floop_fill_end(job);
}

/* True if there is no room for one more now: then the bio comes back. */
static bool floop_fill_is_full(struct floop_backing *backing,
			       struct floop_bio *fb)
{
	if (backing->nr_fills < FLOOP_MAX_FILLS ||
	    !floop_fill_may_begin(backing, fb))
		return false;

	fb->state = FLOOP_BIO_ROUTE;
	list_add_tail(&fb->list, &backing->fill_waiting);

	return true;
}

/* Nobody waits for room if no fill is under way. */
static void floop_fill_make_room(struct floop_backing *backing)
{
	unsigned int left = FLOOP_FILL_RETRY;
	LIST_HEAD(some);

	if (backing->nr_fills > FLOOP_MAX_FILLS / 2)
		return;
	while (!list_empty(&backing->fill_waiting) &&
	       (!backing->nr_fills || left--))
		list_move_tail(backing->fill_waiting.next, &some);
	floop_fill_route(backing, &some);
}

/* Everything again, a bio at a time, for the right one to have the error. */
static void floop_fill_again(struct floop_fill_job *job)
{
	struct floop_bio *fb;

	list_for_each_entry(fb, &job->bios, list)
		fb->alone = true;
	floop_fill_dirty(job->backing);
	floop_fill_route(job->backing, &job->bios);
}

void floop_fill_finish(struct floop_backing *backing, struct floop_bio *fb)
{
	struct floop_fill_job *job = fb->fill;

	list_add(&fb->list, &job->bios);
	list_del(&job->list);
	backing->nr_fills--;

	if (job->failed || floop_fill_endangers(backing, fb)) {
		floop_fill_again(job);
	} else {
		floop_fill_all_done(job);
		/* Clean ones; recall has dropped them. */
		job->stale = floop_fill_has_lease(backing) &&
			     READ_ONCE(backing->mapping->nrpages) &&
			     floop_fill_drop_pages(job);
		floop_fill_done(job, 0);
	}

	floop_fill_route(backing, &job->waiting);
	floop_fill_make_room(backing);
	floop_fill_free(job);
}

void floop_fill(struct floop_backing *backing, struct floop_bio *fb)
{
	struct floop_fill_job now, *job;
	const char *reason;
	bool permanent;
	int error;

	if (floop_fill_waits(backing, fb) || floop_fill_is_full(backing, fb))
		return;
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
	/* Pages take whole blocks with them, and more: not over direct writes. */
	if (backing->nr_fills && !floop_file_direct(backing, fb))
		floop_inflight_drain(&backing->inflight);

	job = floop_fill_new(backing, fb, &now);
	floop_fill_collect(job, fb);
	error = floop_fill_guarded(job);
	if (error == -EIOCBQUEUED)
		return;
	sb_end_write(backing->sb);
	floop_fill_done(job, error);
	if (job != &now)
		floop_fill_free(job);
}
