/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * resize: a device follows the size of its file.
 */
#ifndef DMLOSETUP_RESIZE_H
#define DMLOSETUP_RESIZE_H

/*
 * Gives the device the size that its file has now, within its size limit.
 * Prints its own messages; returns 0 or -1.
 */
int resize_device(const char *device);

#endif
