// SPDX-License-Identifier: GPL-2.0-only
#include "preload.h"

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devname.h"
#include "loopdm.h"
#include "progress.h"
#include "size.h"
#include "status.h"
#include "util.h"

/* Of a file, in sectors. */
struct known {
	uint64_t now;
	uint64_t all;
};

static int warn_preload(const char *device, int rc, const char *why)
{
	if (why)
		warnx("%s: preload failed: %s (%s)", device, strerror(-rc),
		      why);
	else
		warnx("%s: preload failed: %s", device, strerror(-rc));
	return -1;
}

/* In direct mode only there is a map: in which one is the device, and why? */
static int warn_mode(const char *device, const struct loopdev *dev)
{
	char *params = NULL, *why = NULL;
	struct status status;

	if (!loopdm_status(dev->uuid, &params) &&
	    !status_parse(params, &status))
		why = xasprintf("its mode is %s: %s", status.mode,
				status.reason);
	warn_preload(device, -EAGAIN, why);
	free(params);
	free(why);
	return -1;
}

static int warn_rest(const char *device, const struct known *known)
{
	char now[SIZE_STRING], all[SIZE_STRING];

	size_format(known->now * SECTOR_SIZE, now);
	size_format(known->all * SECTOR_SIZE, all);
	warnx("%s: preload failed: no more than %s of %s can be known", device,
	      now, all);
	return -1;
}

/* This takes a second at most. */
static int learn_more(const struct loopdev *dev, struct known *known)
{
	char *answer, end;
	int rc = loopdm_message(dev->uuid, "preload", &answer);

	if (rc)
		return rc;
	if (sscanf(answer, "%" SCNu64 "/%" SCNu64 "%c", &known->now,
		   &known->all, &end) != 2)
		rc = -EPROTO;
	free(answer);
	return rc;
}

/*
 * Until there is nothing left, or nothing comes any more: some places no file
 * system tells, and some of a map that gets too large is forgotten.
 */
static int learn_all(const char *device, const struct loopdev *dev,
		     struct known *known)
{
	bool progress = progress_is_seen();
	uint64_t before;
	int rc;

	do {
		before = known->now;
		rc = learn_more(dev, known);
		if (!rc && progress && known->all)
			progress_draw(device, known->now * SECTOR_SIZE,
				      known->all * SECTOR_SIZE);
		if (!rc && signals_pending())
			rc = -EINTR;
	} while (!rc && known->now < known->all && known->now > before);
	if (progress)
		progress_clear();
	return rc;
}

static int preload(const char *device, const struct loopdev *dev)
{
	struct known known = { 0 };
	int rc;

	if (!dev->active)
		return warn_preload(device, -ENXIO, NULL);
	if (strcmp(dev->target, TARGET_FASTLOOP))
		return warn_preload(device, -EINVAL,
				    "there is no regular file under it");
	rc = learn_all(device, dev, &known);
	if (rc == -EAGAIN)
		return warn_mode(device, dev);
	/* A signal is its own message. */
	if (rc == -EINTR)
		return -1;
	if (rc)
		return warn_preload(device, rc, NULL);
	return known.now < known.all ? warn_rest(device, &known) : 0;
}

int preload_device(const char *device)
{
	char name[NAME_SIZE];
	struct loopdev dev;
	int rc = devname_get(device, name, &dev);

	if (rc == -ENODEV)
		return warn_device(device, rc);
	if (rc)
		return warn_preload(device, rc, loopdm_reason());
	signals_hold();
	rc = preload(device, &dev);
	signals_release();
	loopdev_free(&dev);
	return rc;
}
