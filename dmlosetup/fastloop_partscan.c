// SPDX-License-Identifier: GPL-2.0-only
/*
 * fastloop_partscan: what udev runs after a device that was set up with --partscan
 * was closed by somebody who may have written to it. For a loop device udev has the
 * kernel read the partition table again then.
 *
 *	fastloop_partscan /dev/dm-0
 *
 * One of udev's workers waits for this, and no other event of the device is worked
 * on meanwhile. Who has a lock that we need may be waiting for just that, and
 * partitions that are made need a worker of their own. So no lock is waited for:
 * in a moment there is another event, after those that are due.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "detach.h"
#include "devname.h"
#include "filelock.h"
#include "loopdm.h"
#include "partitions.h"
#include "util.h"

/*
 * Ten seconds in all, for who has a lock, has suspended the device since the event, or
 * uses a partition.
 */
#define MAX_TRIES	20
#define DELAY_STEP_MS	50

/* If udev has no worker left for the partitions, we are not to be what it waits for. */
#define LIMIT_S		60

/* What an event is given along with it comes back as a property of it. */
#define TRY_UUID	"8a3f3b6e-5d0c-4c57-9d0e-6f2b1c7f8d21"
#define TRY_PROPERTY	"SYNTH_ARG_TRY"

static bool is_to_be_scanned(const char *node, struct loopdev *dev)
{
	char name[NAME_SIZE];

	return !devname_get(node, name, dev) && dev->active && dev->has_ident &&
		!dev->deferred && dev->ident.flags & IDENT_PARTSCAN;
}

/* With all locks. Returns 0, or -1 after a message. */
static int rescan(const char *node, const struct loopdev *dev)
{
	struct loopdev now;
	int rc = partitions_rescan(dev, node);

	/* Who detached it meanwhile may have looked for partitions too early. */
	if (!loopdm_get(dev->name, &now) && !strcmp(now.uuid, dev->uuid) &&
	    now.deferred)
		detach_partitions(&now);
	loopdev_free(&now);
	return rc;
}

static int rescan_locked(const char *node, const struct loopdev *dev)
{
	const struct ident *id = &dev->ident;
	struct loopdev now;
	int lock, rc;

	rc = filelock_try(makedev(id->major, id->minor), id->inode, &lock);
	if (rc)
		return rc;
	/* It may have changed as long as we had no lock. */
	if (is_to_be_scanned(node, &now) && !strcmp(now.uuid, dev->uuid))
		rc = now.suspended ? -EAGAIN : rescan(node, &now);
	loopdev_free(&now);
	filelock_release(lock);
	return rc;
}

static int rescan_in_turn(const char *node)
{
	struct loopdev dev;
	int turn, rc = 0;

	if (is_to_be_scanned(node, &dev)) {
		/* No file has this number: it is for us, one at a time. */
		rc = filelock_try(0, 0, &turn);
		if (!rc)
			rc = rescan_locked(node, &dev);
		filelock_release(turn);
	}
	loopdev_free(&dev);
	return rc;
}

/*
 * udev does not watch the device until we are done. Returns 0, or a negative value
 * if it is to be tried again.
 */
static int rescan_watching(const char *node, int watch)
{
	struct inotify_event event;
	int rc;

	if (inotify_add_watch(watch, node, IN_CLOSE_WRITE) < 0)
		return -errno;
	rc = rescan_in_turn(node);
	if (!rc && read(watch, &event, sizeof(event)) > 0)
		rc = -EAGAIN;
	return rc;
}

static int rescan_unless_locked(const char *node)
{
	int fd = open(node, O_RDONLY | O_CLOEXEC);
	int watch, rc = 0;

	if (fd < 0)
		return 0;
	/* Who locks it as udev(7) says is not disturbed: his close is an event. */
	if (!flock(fd, LOCK_SH | LOCK_NB)) {
		watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
		rc = watch < 0 ? -errno : rescan_watching(node, watch);
		close(watch);
	}
	close(fd);
	return rc;
}

static int ask_for_event(const char *node, int try)
{
	char path[64], change[80];
	struct stat st;
	int fd, rc = 0;

	if (stat(node, &st))
		return 0;
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/uevent",
		 major(st.st_rdev), minor(st.st_rdev));
	snprintf(change, sizeof(change), "change " TRY_UUID " TRY=%d", try);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, change, strlen(change)) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

int main(int argc, char **argv)
{
	const char *tries = getenv(TRY_PROPERTY);
	int try = tries ? atoi(tries) + 1 : 1;
	int rc;

	if (argc != 2)
		return EXIT_FAILURE;
	alarm(LIMIT_S);
	loopdm_init();
	rc = rescan_unless_locked(argv[1]);
	if (rc && try <= MAX_TRIES) {
		sleep_ms(try * DELAY_STEP_MS);
		rc = ask_for_event(argv[1], try);
	}
	if (rc)
		warnx("%s: partitions may not be what the table says", argv[1]);
	loopdm_exit();
	return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}
