// SPDX-License-Identifier: GPL-2.0-only
/*
 * message: see message.h.
 */
#include <linux/device-mapper.h>

#include "bio_path.h"
#include "lease.h"
#include "message.h"
#include "source.h"

#define DM_MSG_PREFIX "fastloop"

/* Jiffies; a message keeps the table from being replaced. */
#define FLOOP_MESSAGE_TIME	HZ

/* Learns for as long as a message may take. The answer: sectors known, of. */
static int floop_message_preload(struct floop_target *target, char *result,
				 unsigned int maxlen)
{
	struct floop_backing *backing = target->backing;
	unsigned int noio = floop_fs_lock(backing);
	unsigned int sz = 0;
	int ret = -EAGAIN;

	if (floop_backing_is_mapped(backing)) {
		floop_source_preload(backing, FLOOP_MESSAGE_TIME);
		DMEMIT("%llu/%llu", (u64)backing->map.known,
		       backing->geo.file_len >> SECTOR_SHIFT);
		ret = 1;
	}
	floop_fs_unlock(backing, noio);

	return ret;
}

/* Forgets the map, unless that is pinned. */
static int floop_message_drop(struct floop_target *target, char *result,
			      unsigned int maxlen)
{
	unsigned int noio = floop_fs_lock(target->backing);
	int ret = -EBUSY;

	if (!target->backing->pinned) {
		floop_map_clear(&target->backing->map);
		ret = 0;
	}
	floop_fs_unlock(target->backing, noio);

	return ret;
}

/* Tries to go to direct mode now; the answer: mode and reason by then. */
static int floop_message_recheck(struct floop_target *target, char *result,
				 unsigned int maxlen)
{
	const char *mode, *reason;
	unsigned int sz = 0;

	floop_lease_try(target->backing, FLOOP_MESSAGE_TIME);
	mode = floop_mode_words(target->backing, &reason);
	DMEMIT("%s %s", mode, reason);

	return 1;
}

static int floop_message_reset_stats(struct floop_target *target, char *result,
				     unsigned int maxlen)
{
	floop_stat_reset(target->stats);

	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct floop_target *target, char *result,
		   unsigned int maxlen);
} floop_messages[] = {
	{ "preload", floop_message_preload },
	{ "drop", floop_message_drop },
	{ "recheck", floop_message_recheck },
	{ "reset_stats", floop_message_reset_stats },
};

int floop_message_run(struct floop_target *target, unsigned int argc,
		      char **argv, char *result, unsigned int maxlen)
{
	size_t i;

	for (i = 0; argc == 1 && i < ARRAY_SIZE(floop_messages); i++)
		if (!strcasecmp(argv[0], floop_messages[i].name))
			return floop_messages[i].run(target, result, maxlen);

	DMWARN("Unknown message: preload, drop, recheck and reset_stats are known");
	return -EINVAL;
}
