/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * source: asking file systems where a file lies.
 *
 *   source_fiemap.c	FIEMAP, in a task with user memory (table load)
 *   source_bmap.c	bmap() and SEEK_DATA, in the worker
 *
 * All answers pass floop_raw_check() on their way into the map, and only
 * positive answers are believed: a range that is not proven a hole is the
 * file's (FLOOP_FILE).
 */
#ifndef FLOOP_SOURCE_H
#define FLOOP_SOURCE_H

#include "backing.h"

/*
 * May direct mode be used for this file? Returns NULL, or the reason word; if
 * *@permanent, asking again is pointless. May sleep; makes no I/O.
 */
const char *floop_source_refuses(struct floop_backing *backing,
				 bool *permanent);

/*
 * Under the lease, with the file synced and no page of it cached: sets
 * backing->geo and asks the file system for the last reasons against direct
 * mode. Returns NULL or a reason word. fs_lock held; may sleep.
 */
const char *floop_source_prepare(struct floop_backing *backing);

/*
 * Learns at least [pos, end), bytes. Worker, fs_lock held, direct mode or
 * recall. Returns 0, or an error: then some of it may be unknown still, or
 * known as it was before.
 */
int floop_source_learn(struct floop_backing *backing, u64 pos, u64 end);

/* Learns the range around @sector and some more behind it. As above. */
void floop_source_look_ahead(struct floop_backing *backing, sector_t sector);

/*
 * Learns what is not known yet, from the start of the file, for @budget jiffies
 * at most or until a signal would kill the task. Returns true if all has been
 * learned; some may have been forgotten again. In a task with user memory;
 * fs_lock held, direct mode.
 */
bool floop_source_preload(struct floop_backing *backing, unsigned long budget);

/*
 * Reasons that only the file system can tell; asked with no page cached. Returns
 * NULL or a reason word. May sleep.
 */
const char *floop_source_probe(struct floop_backing *backing);

/* May files of this file system be mapped at all? */
bool floop_source_allows(struct inode *inode);

/* Can blocks in the middle of the file be given back? May say yes in vain. */
bool floop_source_can_punch(struct floop_backing *backing);

/*
 * Before ranges are added: if there are as many as there may be, forgets some. fs_lock
 * held; may sleep.
 */
void floop_source_make_room(struct floop_backing *backing);

/* Checks one answer and puts it into the map. fs_lock held; may sleep. */
int floop_source_publish(struct floop_backing *backing,
			 const struct floop_raw_extent *raw);

/* Learns from @pos on with one call of FIEMAP. As floop_source_preload(). */
void floop_learn_fiemap(struct floop_backing *backing, u64 pos);

/* How floop_source_learn() asks; @pos and @end in whole blocks. */
int floop_learn_bmap(struct floop_backing *backing, u64 pos, u64 end);

/*
 * True if the file has data, and bmap() says of none where it is. No page is cached,
 * or only what has been read meanwhile. May sleep.
 */
bool floop_bmap_is_refused(struct floop_backing *backing);

/* True if the export operations can be asked about layouts. */
bool floop_has_layouts(struct floop_backing *backing);

#endif
