/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * resize: a device follows the size of its file, or gets sectors of another.
 *
 * These print their own messages and return 0 or -1.
 */
#ifndef DMLOSETUP_RESIZE_H
#define DMLOSETUP_RESIZE_H

#include "loopdm.h"

/* Gives the device the size that its file has now, within its size limit. */
int resize_device(const char *device);

/*
 * Gives the device, which nobody may have mounted meanwhile, logical sectors of
 * @size bytes. @device is what the user calls it.
 */
int resize_sectors(const char *device, const struct loopdev *dev,
		   unsigned int size);
int resize_sectors_device(const char *device, unsigned int size);

#endif
