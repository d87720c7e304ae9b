// SPDX-License-Identifier: GPL-2.0-only
#include "placeholder.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "devname.h"
#include "loopdm.h"
#include "numbers.h"
#include "util.h"

int placeholder_claim(const char *name, bool *was_there)
{
	struct loopdev dev;
	int rc = loopdm_get(name, &dev);

	*was_there = false;
	if (rc == -ENXIO)
		return 0;
	if (rc)
		return rc == -ENODEV ? -EEXIST : rc;
	loopdev_free(&dev);
	if (!uuid_is_free(dev.uuid))
		return -EEXIST;
	rc = loopdm_remove(name, dev.uuid);
	if (rc == -EBUSY)
		return -EEXIST;
	*was_there = !rc;
	return rc == -ENXIO ? 0 : rc;
}

/* For how long a device may have no table before its maker counts as killed. */
#define UNFINISHED_TRIES	60
#define UNFINISHED_DELAY_MS	50

static bool get_unfinished(const char *name, char uuid[static UUID_SIZE])
{
	struct loopdev dev;
	int rc = loopdm_get(name, &dev);

	loopdev_free(&dev);
	strcpy(uuid, dev.uuid);
	return !rc && !dev.active && !uuid_is_free(dev.uuid);
}

bool placeholder_drop_unfinished(const char *name)
{
	char uuid[UUID_SIZE], now[UUID_SIZE];
	int tries = UNFINISHED_TRIES, rc;

	if (!get_unfinished(name, uuid))
		return false;
	while (tries--) {
		sleep_ms(UNFINISHED_DELAY_MS);
		if (!get_unfinished(name, now))
			return strcmp(now, uuid);
		if (strcmp(now, uuid))
			return true;
	}
	rc = loopdm_remove(name, uuid);
	return !rc || rc == -ENXIO;
}

/* Returns 1 if the placeholder is new, 0 if there was one, or -errno. */
static int take_free(char name[static NAME_SIZE])
{
	unsigned int tries;
	struct loopdev dev;
	int rc, n;

	for (tries = 0; tries < NUMBERS_MAX_TRIES; tries++) {
		n = numbers_find_free(0);
		if (n < 0)
			return n;
		snprintf(name, NAME_SIZE, NAME_PREFIX "%d", n);
		rc = loopdm_get(name, &dev);
		loopdev_free(&dev);
		if (!rc && uuid_is_free(dev.uuid))
			return 0;
		if (rc == -ENXIO)
			rc = loopdm_create_free(name);
		else if (!rc || rc == -ENODEV)
			rc = -EEXIST;
		if (!rc)
			return 1;
		if (rc != -EEXIST && rc != -ESTALE)
			break;
	}
	return rc;
}

static int warn_unused(int rc)
{
	if (loopdm_reason())
		warnx("cannot find an unused loop device: %s (%s)",
		      strerror(-rc), loopdm_reason());
	else
		warnx("cannot find an unused loop device: %s", strerror(-rc));
	return -1;
}

/* Who may not make devices gets the name all the same, as with losetup. */
static int find_free_unprivileged(void)
{
	char name[NAME_SIZE];
	int n = numbers_find_free(0);

	if (n < 0)
		return warn_unused(n);
	snprintf(name, sizeof(name), NAME_PREFIX "%d", n);
	return devname_print(name);
}

static int drop(const char *device)
{
	char name[NAME_SIZE];
	struct loopdev dev;
	int rc;

	rc = devname_resolve(device, name);
	if (!rc)
		rc = loopdm_get(name, &dev);
	if (rc)
		return rc;
	loopdev_free(&dev);
	return uuid_is_free(dev.uuid) ? loopdm_remove(name, dev.uuid) : -EBUSY;
}

int placeholder_show(void)
{
	char name[NAME_SIZE];
	int rc = loopdm_check();

	if (rc == -EACCES)
		return find_free_unprivileged();
	if (rc)
		return warn_unused(rc);
	signals_hold();
	rc = take_free(name);
	if (rc < 0)
		warn_unused(rc);
	else if (signals_pending() || devname_print(name)) {
		if (rc)
			drop(name);
		rc = -1;
	}
	signals_release();
	return rc < 0 ? -1 : 0;
}

int placeholder_drop(const char *device)
{
	int rc;

	signals_hold();
	rc = drop(device);
	signals_release();
	/* After losetup -d its node is still there to be removed, ours is not. */
	if (!rc || rc == -ENXIO || rc == -ENOENT)
		return 0;
	warnx("%s: remove failed: %s", device, strerror(-rc));
	return -1;
}
