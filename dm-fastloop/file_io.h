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
 * written directly, with one call. Returns 0 only if all of them have been
 * written; otherwise any part of it may have been. The rest as above.
 */
int floop_file_write_all(struct floop_backing *backing, struct list_head *bios,
			 bool *fell_back);

/*
 * fallocate() of [pos, pos + len), bytes, with FALLOC_FL_KEEP_SIZE. The caller
 * has write access to the super block. Worker, fs_lock held.
 */
int floop_file_fallocate(struct floop_backing *backing, int mode, u64 pos,
			 u64 len);

#endif
