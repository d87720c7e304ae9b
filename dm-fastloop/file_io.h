/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * file_io: I/O through the file system, from and to a bio's own pages.
 */
#ifndef FLOOP_FILE_IO_H
#define FLOOP_FILE_IO_H

#include "bio_path.h"

/*
 * Transfers fb->part bytes through the file and calls floop_bio_part_done():
 * asynchronous direct I/O where the file system and the alignment allow it,
 * buffered otherwise. Worker, fs_lock held. fb may be gone when it returns.
 */
void floop_file_submit(struct floop_backing *backing, struct floop_bio *fb);

/*
 * Writes fb->part bytes and waits. The caller has write access to the super
 * block. *@fell_back: the file system may have gone through the page cache.
 * Worker, fs_lock held. Returns 0 or an error; after an error any part of it
 * may have been written.
 */
int floop_file_write(struct floop_backing *backing, struct floop_bio *fb,
		     bool *fell_back);

/*
 * The bio_vecs of fb->part bytes from the start of fb->rest on, of a bio with
 * data; write-zeroes has none. Any context.
 */
unsigned int floop_file_count_vecs(struct floop_bio *fb);

/* May fb->part bytes from the start of fb->rest on be written directly? */
bool floop_file_direct(struct floop_backing *backing, struct floop_bio *fb);

/*
 * Writes fb->part bytes of each of @bios, which are neighbours and may all be
 * written directly, with one call. @vecs has room for all of their bio_vecs if
 * there is more than one; it and @iocb stay until the write has ended.
 *
 * Returns 0 if all of it has been written, and *@fell_back as above. With
 * @complete it may return -EIOCBQUEUED: then no page was dirtied, @complete is
 * called in any context, perhaps before this returns, and nothing is known of
 * *@fell_back. After any other error any part of it may have been written.
 */
int floop_file_write_all(struct floop_backing *backing, struct list_head *bios,
			 struct bio_vec *vecs, struct kiocb *iocb,
			 void (*complete)(struct kiocb *iocb, long ret),
			 bool *fell_back);

/*
 * fallocate() of [pos, pos + len), bytes, with FALLOC_FL_KEEP_SIZE. The caller
 * has write access to the super block. Worker, fs_lock held.
 */
int floop_file_fallocate(struct floop_backing *backing, int mode, u64 pos,
			 u64 len);

#endif
