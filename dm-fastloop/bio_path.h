/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bio_path: life of one bio.
 *
 *   floop_bio_map()	from dm, never sleeps: what is mapped goes to the disk,
 *			what is a hole is answered, the rest is queued
 *   floop_bio_step()	in the worker: one part of one queued bio
 *   floop_bio_end_io()	from dm, when the disk has ended it
 *
 * In map() dm cuts a bio where the range ends, so that it is one part. In the
 * worker its parts are done one after the other; parts for the disk go there as
 * clones. The bio ends once, after its last part or its first error.
 */
#ifndef FLOOP_BIO_PATH_H
#define FLOOP_BIO_PATH_H

#include <linux/bio.h>
#include <linux/device-mapper.h>
#include <linux/errseq.h>
#include <linux/fs.h>

#include "backing.h"
#include "route.h"
#include "stats.h"

/* What map() needs of a target; the rest is in target.c. */
struct floop_target {
	struct floop_backing *backing;
	sector_t start;			/* of the device, in the file */
	unsigned int block_mask;	/* of the disk's logical block, sectors */
	bool small_blocks;		/* ours are smaller than that */
	bool punch;			/* blocks may be given back */
	struct floop_stats __percpu *stats;
	errseq_t error_seen;		/* of backing->error; see floop_step_sync */

	/* For an event: the last error that has not been told, and when to tell. */
	int failed;			/* negative */
	unsigned long failed_told;	/* jiffies */
	unsigned long failed_interval;	/* likewise */
};

enum floop_bio_state {
	FLOOP_BIO_ROUTE,	/* queued: a part has to find its way */
	FLOOP_BIO_CHECK,	/* queued: written to the disk; pages to drop */
	FLOOP_BIO_SYNC,		/* queued: written to the file; to be synced */
	FLOOP_BIO_FILLED,	/* queued: a fill, this its first, has ended */
	FLOOP_BIO_DISK,		/* sent to the disk by map(): read or flush */
	FLOOP_BIO_WRITE,	/* the same, a write: to be looked after */
	FLOOP_BIO_DONE,		/* ended by us: dm may have it back */
};

/* dm's per-bio data. What map() writes comes first. */
struct floop_bio {
	enum floop_bio_state state;
	unsigned int section;		/* of backing->inflight */

	/*
	 * What has not been done yet; bi_sector is in the file. While a part
	 * of it is under way, that part is still in here. From here on not in
	 * state FLOOP_BIO_DISK.
	 */
	struct bvec_iter rest;
	unsigned int part;		/* bytes of it that are under way */
	u32 epoch;			/* see fill.c */
	bool buffered;			/* direct I/O has refused this part */
	bool again;			/* endangered by a fill: see CHECK */
	bool alone;			/* a fill of several has failed */
	blk_status_t status;		/* of a fill that is being published */
	blk_opf_t opf;			/* as it came; lower layers edit theirs */

	/* The slow path only. */
	struct floop_target *target;
	struct bio *bio;
	struct list_head list;
	struct floop_fill_job *fill;	/* in state FLOOP_BIO_FILLED */
	struct kiocb iocb;
};

/* For floop_disk_takes(): the disk has larger blocks than 512 bytes. */
bool floop_disk_takes_blocks(struct floop_target *target, struct bio *bio,
			     struct bvec_iter part);

/* May this part of the bio, at its place in the file, go to the disk? Any context. */
static inline bool floop_disk_takes(struct floop_target *target,
				    struct bio *bio, struct bvec_iter part)
{
	return likely(!target->block_mask) ||
	       floop_disk_takes_blocks(target, bio, part);
}

/* dm's map and end_io; ti->private is a struct floop_target. */
int floop_bio_map(struct dm_target *ti, struct bio *bio);
int floop_bio_end_io(struct dm_target *ti, struct bio *bio,
		     blk_status_t *error);

/*
 * The part under way has ended: goes on with the rest, or ends the bio. Any
 * context, in no section. fb may be gone when it returns.
 */
void floop_bio_part_done(struct floop_bio *fb, blk_status_t status);

/* The same for a part that has been written through the file. */
void floop_bio_part_in_file(struct floop_bio *fb);

/* Ends the bio. Any context, in no section. fb is gone when it returns. */
void floop_bio_end(struct floop_bio *fb, blk_status_t status);

static inline enum floop_op floop_bio_op(struct floop_bio *fb)
{
	return floop_op(fb->opf, fb->target->punch);
}

static inline void floop_bio_enter(struct floop_backing *backing,
				   struct floop_bio *fb)
{
	fb->section = floop_inflight_enter(&backing->inflight);
}

static inline void floop_bio_leave(struct floop_backing *backing,
				   struct floop_bio *fb)
{
	floop_inflight_leave(&backing->inflight, fb->section);
}

#endif
