/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * compat: every difference between kernel versions, and nothing else.
 */
#ifndef FLOOP_COMPAT_H
#define FLOOP_COMPAT_H

#include <linux/bio.h>
#include <linux/version.h>

#if KERNEL_VERSION(6, 1, 0) > LINUX_VERSION_CODE
#error "dm-fastloop needs Linux 6.1 or newer"
#endif
#if KERNEL_VERSION(6, 2, 0) <= LINUX_VERSION_CODE
#error "dm-fastloop is not ported beyond Linux 6.1 yet: leases and bio ops differ"
#endif
#ifndef CONFIG_64BIT
#error "dm-fastloop needs a 64-bit kernel: positions and kinds share a word"
#endif

/*
 * A clone that map() has been given knows nothing of disks or cgroups, and dm
 * tells it to whose cgroup it belongs when it has been mapped. 6.1.192 does; when
 * that began has not been looked up.
 */
static inline void floop_clone_set_dev(struct bio *clone,
				       struct block_device *bdev)
{
#if KERNEL_VERSION(6, 1, 192) <= LINUX_VERSION_CODE
	clone->bi_bdev = bdev;
#else
	bio_set_dev(clone, bdev);
#endif
}

/*
 * Before Linux 6.6 iomap keeps one dirty bit a folio, not one a block: a
 * buffered write of one block writes all blocks of its folio back. See
 * "dirty neighbours" in fill.c.
 */
#define FLOOP_IOMAP_WRITES_WHOLE_FOLIOS	1

#endif
