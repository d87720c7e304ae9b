/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * filelock: of those who look at the devices on a file and then act upon what
 * they saw, one is at work.
 *
 * Who has the lock of one file never waits for that of another.
 */
#ifndef DMLOSETUP_FILELOCK_H
#define DMLOSETUP_FILELOCK_H

#include <sys/types.h>

#include "loopdm.h"

/*
 * Waits for the lock of the file with these st_dev and st_ino. Who may not use
 * the device-mapper, or has none, gets none, which is -1: there is nothing that he
 * could do with it. Returns 0 or -errno.
 */
int filelock_take(dev_t dev, ino_t ino, int *lock);

/* The same without waiting: -EAGAIN if somebody else has it. */
int filelock_try(dev_t dev, ino_t ino, int *lock);

void filelock_release(int lock);

/*
 * The same for a path, if there is a file: why there is none, those say who make
 * devices. Returns 0, or -1 after a message.
 */
int filelock_take_path(const char *path, int *lock);

/* devname_get() with the lock of the file that the device is on. */
int filelock_get_device(const char *device, struct loopdev *dev, int *lock);

#endif
