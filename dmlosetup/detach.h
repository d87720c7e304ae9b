/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * detach: devices go away, now or when their last user is done.
 *
 * These print their own messages and return 0 or -1, but for the last.
 */
#ifndef DMLOSETUP_DETACH_H
#define DMLOSETUP_DETACH_H

#include "loopdm.h"

/*
 * Detaches these devices, even if some fail, and the partition mappings on them. A
 * device in use is no error: it goes at its last close, as a loop device does. With
 * @wait, it returns after they are gone, whoever uses them.
 */
int detach_devices(const char *const *devices, size_t nr, bool wait);

/*
 * One of them. Returns 0, and then @dev is what it was, for the other function,
 * which waits until it is gone; or -1 after a message.
 */
int detach_device(const char *device, struct loopdev *dev);
void detach_wait_for(const struct loopdev *dev);

/* All that there are, placeholders too. */
int detach_all(bool wait);

/* Returns 0 or -errno. */
int detach_loopdev(const struct loopdev *dev);

/* Has the partitions of a detached device go when nobody uses them any more. */
void detach_partitions(const struct loopdev *dev);

#endif
