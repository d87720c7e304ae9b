// SPDX-License-Identifier: GPL-2.0-only
/*
 * fastloop_partscan: what udev runs after a device that was set up with --partscan
 * was closed by somebody who may have written to it. The kernel has a loop device
 * read its partition table again then.
 *
 *	fastloop_partscan /dev/dm-0
 *
 * One of udev's workers waits for this, and no other event of the device is worked
 * on meanwhile. Who has a lock that we need may be waiting for just that, and
 * partitions that are made need a worker of their own. So nothing is waited for:
 * in a moment there is another event, after those that are due.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "detach.h"
#include "devname.h"
#include "filelock.h"
#include "loopdm.h"
#include "partitions.h"
#include "util.h"

#define AGAIN_DELAY_MS	100

static bool is_to_be_scanned(const char *node, struct loopdev *dev)
{
	char name[NAME_SIZE];

	return !devname_get(node, name, dev) && dev->active && dev->has_ident &&
		!dev->deferred && dev->ident.flags & IDENT_PARTSCAN;
}

static int scan(const struct loopdev *dev)
{
	struct loopdev now;
	int rc;

	signals_hold();
	rc = partitions_scan(dev);

	/* Who detaches it removes the partitions that he sees: see detach.c. */
	if (!loopdm_get(dev->name, &now) && !strcmp(now.uuid, dev->uuid) &&
	    now.deferred)
		detach_loopdev(&now);
	loopdev_free(&now);
	signals_release();
	return rc;
}

/* Returns 0, -1 after a message, or -EAGAIN. */
static int scan_locked(const char *node, const struct ident *id)
{
	struct loopdev dev;
	int lock, rc;

	rc = filelock_try(makedev(id->major, id->minor), id->inode, &lock);
	if (rc)
		return rc;
	/* It may have changed as long as we had no lock. */
	if (is_to_be_scanned(node, &dev))
		rc = scan(&dev);
	loopdev_free(&dev);
	filelock_release(lock);
	return rc;
}

static int scan_in_turn(const char *node)
{
	struct loopdev dev;
	int turn, rc;

	/* No file has this number: it is for us, one at a time. */
	rc = filelock_try(0, 0, &turn);
	if (rc)
		return rc;
	if (is_to_be_scanned(node, &dev))
		rc = scan_locked(node, &dev.ident);
	loopdev_free(&dev);
	filelock_release(turn);
	return rc;
}

static int ask_for_event(const char *node)
{
	static const char change[] = "change";
	char path[64];
	struct stat st;
	int fd, rc = 0;

	if (stat(node, &st))
		return -errno;
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/uevent",
		 major(st.st_rdev), minor(st.st_rdev));
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
	int rc;

	if (argc != 2)
		return EXIT_FAILURE;
	loopdm_init();
	rc = scan_in_turn(argv[1]);
	if (rc == -EAGAIN) {
		sleep_ms(AGAIN_DELAY_MS);
		rc = ask_for_event(argv[1]);
	}
	loopdm_exit();
	return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}
