/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * compat: every difference between kernel versions, and nothing else.
 */
#ifndef FLOOP_COMPAT_H
#define FLOOP_COMPAT_H

#include <linux/version.h>

#if KERNEL_VERSION(6, 1, 0) > LINUX_VERSION_CODE
#error "dm-fastloop needs Linux 6.1 or newer: maple tree, STATX_DIOALIGN"
#endif
#if KERNEL_VERSION(6, 2, 0) <= LINUX_VERSION_CODE
#error "dm-fastloop is not ported beyond Linux 6.1 yet: leases and bio ops differ"
#endif

/*
 * Before Linux 6.6 iomap keeps one dirty bit a folio, not one a block: a
 * buffered write of one block writes all blocks of its folio back. See
 * "dirty neighbours" in fill.c.
 */
#define FLOOP_IOMAP_WRITES_WHOLE_FOLIOS	1

#endif
