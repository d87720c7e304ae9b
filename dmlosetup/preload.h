/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * preload: the kernel learns where a whole file lies, before it has to.
 */
#ifndef DMLOSETUP_PRELOAD_H
#define DMLOSETUP_PRELOAD_H

/*
 * Returns when all is known. A terminal sees how far it is, and a signal stops it:
 * what is known by then stays so. Prints its own messages; returns 0 or -1.
 */
int preload_device(const char *device);

#endif
