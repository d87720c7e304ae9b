/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nooverlap: no two devices on the same bytes of a file.
 */
#ifndef DMLOSETUP_NOOVERLAP_H
#define DMLOSETUP_NOOVERLAP_H

#include "attach.h"
#include "backfile.h"

/*
 * The devices on this file that are in use. What a killed program has not finished
 * is removed. Who may not ask for them gets none: why, those say who make devices.
 * Returns 0 or -errno; to be freed with loopdm_list_free() in any case.
 */
int nooverlap_list(const struct stat *st, struct loopdev **devs, size_t *nr);

/* Offsets and sizes in bytes; a size of 0 reaches to the end, wherever that is. */
bool ranges_overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size);

/*
 * From looking for others to having a device, those who do not want to overlap
 * have the lock of the file (filelock.h).
 *
 * This looks for devices in the way of @req. The same bytes of the file: if any
 * device will do, that one is taken, which is no longer to go away at its last
 * close.
 *
 * Returns 1 when there is such a device in @found, 0 when nothing is in the way,
 * -1 after a message.
 */
int nooverlap_find(const struct attach *req, const struct backfile *file,
		   struct loopdev *found);

/*
 * Of two devices that write to the same bytes neither sees what the other one does:
 * the second is refused. Returns 0, or -1 after a message.
 */
int nooverlap_check_writers(const struct attach *req,
			    const struct backfile *file);

#endif
