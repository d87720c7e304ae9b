// SPDX-License-Identifier: GPL-2.0-only
/*
 * file_io: see file_io.h.
 */
#include <linux/blkdev.h>
#include <linux/falloc.h>
#include <linux/uio.h>

#include "file_io.h"
#include "trace.h"

/* The next fb->part bytes of the bio. */
static struct bvec_iter floop_file_part(struct floop_bio *fb)
{
	struct bvec_iter part = fb->rest;

	part.bi_size = fb->part;

	return part;
}

unsigned int floop_file_count_vecs(struct floop_bio *fb)
{
	struct bvec_iter part = floop_file_part(fb);
	struct bvec_iter pos;
	struct bio_vec bv;
	unsigned int nr = 0;

	__bio_for_each_bvec(bv, fb->bio, pos, part)
		nr++;

	return nr;
}

/* The part, for the file system to iterate over. */
static void floop_file_iter(struct floop_bio *fb, unsigned int direction,
			    struct iov_iter *iter)
{
	struct bvec_iter part = floop_file_part(fb);

	iov_iter_bvec(iter, direction,
		      __bvec_iter_bvec(fb->bio->bi_io_vec, part),
		      floop_file_count_vecs(fb), fb->part);
	iter->iov_offset = part.bi_bvec_done;
}

bool floop_file_direct(struct floop_backing *backing, struct floop_bio *fb)
{
	u64 pos = (u64)fb->rest.bi_sector << SECTOR_SHIFT;

	return backing->dio_align && !fb->buffered &&
	       !((pos | fb->part) & (backing->dio_align - 1));
}

static void floop_file_kiocb(struct floop_backing *backing,
			     struct floop_bio *fb, struct kiocb *iocb)
{
	init_sync_kiocb(iocb, backing->file);
	iocb->ki_pos = (loff_t)fb->rest.bi_sector << SECTOR_SHIFT;
	iocb->ki_ioprio = bio_prio(fb->bio);
	if (op_is_write(fb->opf))
		iocb->ki_flags |= IOCB_WRITE;
	if (floop_file_direct(backing, fb))
		iocb->ki_flags |= IOCB_DIRECT;
}

/* Direct I/O does not want it like that; the page cache takes anything. */
static bool floop_refused_direct(struct floop_bio *fb, long ret)
{
	return (fb->iocb.ki_flags & IOCB_DIRECT) &&
	       (ret == -EINVAL || ret == -EOPNOTSUPP || ret == -EAGAIN);
}

/* The file may have been truncated: beyond its end is nothing, as in loop. */
static void floop_zero_tail(struct floop_bio *fb, unsigned int done)
{
	struct bvec_iter tail = floop_file_part(fb);
	struct bvec_iter pos;
	struct bio_vec bv;

	bvec_iter_advance(fb->bio->bi_io_vec, &tail, done);
	__bio_for_each_segment(bv, fb->bio, pos, tail)
		memzero_bvec(&bv);
}

/* Any context: an asynchronous I/O may end in an interrupt. */
static void floop_file_ended(struct floop_bio *fb, long ret)
{
	if (floop_refused_direct(fb, ret)) {
		fb->buffered = true;
		fb->state = FLOOP_BIO_ROUTE;
		floop_backing_queue(fb->target->backing, fb);
		return;
	}
	if (ret < 0) {
		floop_bio_part_done(fb, errno_to_blk_status(ret));
		return;
	}

	if (ret < SECTOR_SIZE && ret < fb->part) {
		if (!op_is_write(fb->opf))
			floop_zero_tail(fb, ret);
		floop_bio_part_done(fb, BLK_STS_IOERR);
		return;
	}

	/* A short transfer is a shorter part: the rest follows. */
	fb->part = round_down((unsigned int)ret, SECTOR_SIZE);
	floop_bio_part_in_file(fb);
}

static void floop_file_complete(struct kiocb *iocb, long ret)
{
	struct floop_bio *fb = container_of(iocb, struct floop_bio, iocb);
	struct floop_backing *backing = fb->target->backing;

	/* Its end may be in another task. */
	if (op_is_write(fb->opf))
		floop_backing_end_write(backing);
	floop_bio_leave(backing, fb);
	floop_file_ended(fb, ret);
}

void floop_file_submit(struct floop_backing *backing, struct floop_bio *fb)
{
	bool write = op_is_write(fb->opf);
	struct kiocb *iocb = &fb->iocb;
	struct iov_iter iter;
	ssize_t ret;

	if (write && !floop_backing_start_write(backing)) {
		fb->state = FLOOP_BIO_ROUTE;
		floop_backing_block(backing, fb);
		return;
	}

	/*
	 * What goes through the page cache takes whole blocks with it: not over
	 * direct writes on their way to its neighbours.
	 */
	if (write && backing->dio_align && !floop_file_direct(backing, fb))
		floop_inflight_drain(&backing->inflight);

	floop_bio_enter(backing, fb);
	floop_file_kiocb(backing, fb, iocb);
	iocb->ki_complete = floop_file_complete;
	floop_file_iter(fb, write ? ITER_SOURCE : ITER_DEST, &iter);

	if (write) {
		floop_stat_inc(fb->target->stats, FLOOP_FILE_WRITES);
		ret = call_write_iter(backing->file, iocb, &iter);
	} else {
		floop_stat_inc(fb->target->stats, FLOOP_FILE_READS);
		ret = call_read_iter(backing->file, iocb, &iter);
	}
	if (ret != -EIOCBQUEUED)
		floop_file_complete(iocb, ret);
}

/* The part, behind the nr_vecs that there are. */
static unsigned int floop_gather(struct floop_bio *fb, struct bio_vec *vecs,
				 unsigned int nr_vecs)
{
	struct bvec_iter part = floop_file_part(fb);
	struct bvec_iter pos;
	struct bio_vec bv;

	__bio_for_each_bvec(bv, fb->bio, pos, part)
		vecs[nr_vecs++] = bv;

	return nr_vecs;
}

int floop_file_write_all(struct floop_backing *backing, struct list_head *bios,
			 struct bio_vec *vecs, struct kiocb *iocb,
			 void (*complete)(struct kiocb *iocb, long ret),
			 bool *fell_back)
{
	struct floop_bio *first = list_first_entry(bios, struct floop_bio, list);
	unsigned int nr_vecs = 0;
	struct floop_bio *fb;
	struct iov_iter iter;
	size_t len = 0;
	ssize_t ret;

	if (list_is_singular(bios)) {
		len = first->part;
		floop_file_iter(first, ITER_SOURCE, &iter);
	} else {
		list_for_each_entry(fb, bios, list) {
			nr_vecs = floop_gather(fb, vecs, nr_vecs);
			len += fb->part;
		}
		iov_iter_bvec(&iter, ITER_SOURCE, vecs, nr_vecs, len);
	}

	floop_file_kiocb(backing, first, iocb);
	iocb->ki_complete = complete;
	iocb->private = iocb;	/* see floop_file_write() */
	ret = call_write_iter(backing->file, iocb, &iter);
	if (ret == -EIOCBQUEUED)
		return ret;
	*fell_back = iocb->private == iocb;

	return ret == len ? 0 : -EIO;
}

int floop_file_fallocate(struct floop_backing *backing, int mode, u64 pos,
			 u64 len)
{
	struct inode *inode = floop_backing_inode(backing);
	int error;

	if (IS_IMMUTABLE(inode) || IS_APPEND(inode))
		return -EPERM;
	if (IS_SWAPFILE(inode))
		return -ETXTBSY;
	if (!backing->file->f_op->fallocate)
		return -EOPNOTSUPP;

	/* vfs_fallocate() would wait for the write access that we have. */
	error = backing->file->f_op->fallocate(backing->file,
					       mode | FALLOC_FL_KEEP_SIZE,
					       pos, len);
	trace_fastloop_punch(backing, pos, len, error);

	return error;
}

int floop_file_write(struct floop_backing *backing, struct floop_bio *fb,
		     bool *fell_back)
{
	struct bvec_iter rest = fb->rest;
	unsigned int part = fb->part;
	struct kiocb *iocb = &fb->iocb;
	struct iov_iter iter;
	ssize_t ret = 0;

	*fell_back = false;
	while (fb->part) {
		floop_file_kiocb(backing, fb, iocb);
		floop_file_iter(fb, ITER_SOURCE, &iter);
		/*
		 * iomap stores the bio to poll for here, a bio or NULL, unless
		 * it gives up before it has begun: then the file system writes
		 * through the page cache.
		 */
		iocb->private = iocb;
		ret = call_write_iter(backing->file, iocb, &iter);
		if (iocb->private == iocb)
			*fell_back = true;

		if (floop_refused_direct(fb, ret)) {
			fb->buffered = true;
			/* As in floop_file_submit(): not over direct writes. */
			if (backing->nr_fills)
				floop_inflight_drain(&backing->inflight);
			continue;
		}
		/* A position is in sectors: what is less was not written. */
		if (ret > 0)
			ret = round_down(ret, SECTOR_SIZE);
		if (ret <= 0)
			break;
		bio_advance_iter(fb->bio, &fb->rest, ret);
		fb->part -= ret;
	}

	/* The caller's view: all of the part, or an error. */
	fb->rest = rest;
	fb->part = part;
	if (ret < 0)
		return ret;

	return ret ? 0 : -EIO;
}
