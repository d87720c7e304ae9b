/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * punch: giving blocks of the file back, for discard and write-zeroes. See
 * punch.c.
 */
#ifndef FLOOP_PUNCH_H
#define FLOOP_PUNCH_H

#include "bio_path.h"

/*
 * Gives back the blocks under fb->part bytes, which are whole ones, and those
 * of other bios that wait for the same; then calls floop_bio_part_done() for
 * each. Direct mode, worker, fs_lock held. fb may be gone when it returns.
 */
void floop_punch(struct floop_backing *backing, struct floop_bio *fb);

/*
 * Gives holes under fb->part bytes blocks that read as zeroes. As above, for
 * this one bio.
 */
void floop_punch_allocate(struct floop_backing *backing, struct floop_bio *fb);

/*
 * Discard or write-zeroes of fb->part bytes, through the file. File mode, worker,
 * fs_lock held. fb may be gone when it returns.
 */
void floop_punch_file(struct floop_backing *backing, struct floop_bio *fb);

/*
 * The bytes from the start of fb->rest that are whole blocks of the file, or 0
 * if it starts within a block. Direct mode.
 */
unsigned int floop_punch_whole(struct floop_backing *backing,
			       struct floop_bio *fb);

#endif
