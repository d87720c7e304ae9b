/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * partitions: mappings for what the partition table of a device describes.
 *
 * They are linear devices, called as kpartx(8) calls them, with the UUID
 * part<N>-<UUID of the device>. parted(8) and kpartx(8) make the same ones, so
 * any of us finds and removes those of the others.
 */
#ifndef DMLOSETUP_PARTITIONS_H
#define DMLOSETUP_PARTITIONS_H

#include "loopdm.h"

/*
 * Makes the mappings on @dev agree with its partition table: what is gone or has
 * moved is removed, what is missing is made. If that fails for one the others are
 * done all the same. Prints its own messages; returns 0 or -1.
 */
int partitions_scan(const struct loopdev *dev);

/*
 * The same for who was not asked by the user, with a node of the device: leaves
 * alone what somebody may be making or removing just now. That is a failure, too.
 */
int partitions_rescan(const struct loopdev *dev, const char *node);

/* partitions_scan() for the device of this name. */
int partitions_scan_device(const char *device);

bool partitions_exist(const struct loopdev *dev);

/*
 * Removes what somebody who was killed has left: mappings that have a name and no
 * table yet, and so are on nothing.
 */
void partitions_remove_unfinished(const struct loopdev *dev);

#endif
