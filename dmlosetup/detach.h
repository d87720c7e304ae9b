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

/* All that there are, placeholders too. */
int detach_all(bool wait);

/* Returns 0 or -errno. */
int detach_loopdev(const struct loopdev *dev);

#endif
