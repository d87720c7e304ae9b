/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fill: first write to a range that is not mapped. See fill.c.
 */
#ifndef FLOOP_FILL_H
#define FLOOP_FILL_H

#include "bio_path.h"

/*
 * Writes fb->part bytes, which lie in one range of the map, through the file,
 * looks the range up again and publishes it; then calls floop_bio_part_done().
 * All but the beginning may come later, in floop_fill_finish(). Direct mode,
 * worker, fs_lock held. fb may be gone when it returns.
 */
void floop_fill(struct floop_backing *backing, struct floop_bio *fb);

/*
 * True if a fill is under way to one of the blocks of fb->part bytes: then the bio
 * finds its way again when that is finished. Worker, fs_lock held.
 */
bool floop_fill_waits(struct floop_backing *backing, struct floop_bio *fb);

/*
 * What is left to do for a fill that has ended, whose first bio this is. Direct
 * or file mode, worker, fs_lock held. fb may be gone when it returns.
 */
void floop_fill_finish(struct floop_backing *backing, struct floop_bio *fb);

/*
 * May a fill have put old data over this write, which has just ended on the
 * disk? Any context; the caller has a full barrier between the end of the
 * write and this.
 */
static inline bool floop_fill_endangers(struct floop_backing *backing,
					struct floop_bio *fb)
{
	return backing->dirty_neighbours &&
	       (smp_load_acquire(&backing->filling) ||	/* before the epoch */
		READ_ONCE(backing->epoch) != fb->epoch);
}

#endif
