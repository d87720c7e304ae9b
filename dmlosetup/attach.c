// SPDX-License-Identifier: GPL-2.0-only
#include "attach.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "backfile.h"
#include "detach.h"
#include "devname.h"
#include "loopdm.h"
#include "nooverlap.h"
#include "numbers.h"
#include "partitions.h"
#include "placeholder.h"
#include "resize.h"
#include "util.h"

static void warn_setup(const char *object, int rc, const char *why)
{
	if (why && rc)
		warnx("%s: failed to set up loop device: %s (%s)", object,
		      strerror(-rc), why);
	else
		warnx("%s: failed to set up loop device: %s", object,
		      why ? why : strerror(-rc));
}

static int make_uuid(const struct attach *req, const struct backfile *file,
		     char uuid[static UUID_SIZE])
{
	struct ident id = {
		.major = major(file->st.st_dev),
		.minor = minor(file->st.st_dev),
		.inode = file->st.st_ino,
		.offset = req->offset,
		.sizelimit = req->sizelimit,
		.flags = req->partscan ? IDENT_PARTSCAN : 0,
		.random = random_u64(),
	};

	if (req->ref && strlen(req->ref) >= sizeof(id.ref))
		return -E2BIG;
	strcpy(id.ref, req->ref ? req->ref : "");
	return ident_format(&id, uuid);
}

/* Under the name that was asked for. */
static int create_named(const char *name, const char *uuid,
			const struct mapping *map)
{
	unsigned int tries;
	int rc;

	for (tries = 0; tries < NUMBERS_MAX_TRIES; tries++) {
		rc = placeholder_claim(name);
		if (!rc)
			rc = loopdm_create(name, uuid, map);
		if (rc != -ESTALE)
			break;
	}
	return rc == -EEXIST ? -EBUSY : rc;
}

/* Under the first free number. With others about, some near that one will do. */
static int create_numbered(char name[static NAME_SIZE], const char *uuid,
			   const struct mapping *map)
{
	unsigned int tries;
	int rc, n;

	for (tries = 0; tries < NUMBERS_MAX_TRIES; tries++) {
		n = numbers_find_free(tries);
		if (n < 0)
			return n;
		snprintf(name, NAME_SIZE, NAME_PREFIX "%d", n);
		rc = placeholder_claim(name);
		if (!rc)
			rc = loopdm_create(name, uuid, map);
		if (rc != -EEXIST && rc != -ESTALE)
			break;
	}
	return rc;
}

static int create(const struct attach *req, char name[static NAME_SIZE],
		  const char *uuid, struct mapping *map)
{
	int rc;

	for (;;) {
		rc = req->device ? create_named(name, uuid, map) :
				   create_numbered(name, uuid, map);
		/* What access() cannot know: a server, or a security module. */
		if (map->read_only || (rc != -EROFS && rc != -EACCES))
			return rc;
		map->read_only = true;
	}
}

/* Takes back a device that was complete, and its partitions. */
static void undo(const char *name, const char *uuid)
{
	struct loopdev dev;

	if (!loopdm_get(name, &dev) && !strcmp(dev.uuid, uuid))
		detach_loopdev(&dev);
	loopdev_free(&dev);
}

static int scan(const char *name)
{
	struct loopdev dev;
	int rc;

	rc = loopdm_get(name, &dev);
	if (rc)
		warn_setup(name, rc, NULL);
	else
		rc = partitions_scan(&dev);
	loopdev_free(&dev);
	return rc ? -1 : 0;
}

static int create_and_show(const struct attach *req, const char *uuid,
			   char name[static NAME_SIZE], struct mapping *map)
{
	int rc = create(req, name, uuid, map);

	if (rc) {
		warn_setup(req->file, rc, loopdm_reason());
		return -1;
	}
	if (req->partscan)
		rc = scan(name);
	if (!rc && signals_pending())
		rc = -1;
	if (!rc && req->show)
		rc = devname_print(name);
	if (rc)
		undo(name, uuid);
	return rc;
}

/* Returns 0, or -1 after a message. */
static int check(const struct attach *req, const struct backfile *file,
		 const char *features, struct mapping *map,
		 char uuid[static UUID_SIZE])
{
	const char *why;
	int rc;

	why = backfile_map(file, req->offset, req->sizelimit, features, map);
	if (why) {
		warn_setup(req->file, 0, why);
		return -1;
	}
	if (make_uuid(req, file, uuid)) {
		warn_setup(req->file, 0, "the loop reference is too long");
		return -1;
	}
	rc = loopdm_check();
	if (rc) {
		warn_setup(req->file, rc, loopdm_reason());
		return -1;
	}
	return 0;
}

static int attach_new(const struct attach *req, const struct backfile *file,
		      char name[static NAME_SIZE])
{
	char uuid[UUID_SIZE], *features = NULL;
	struct mapping map;
	int rc;

	if (req->sector_size)
		features = features_set(NULL, FEATURE_SECTOR_SIZE,
					req->sector_size);
	rc = check(req, file, features, &map, uuid);
	free(features);
	if (rc)
		return rc;
	signals_hold();
	rc = create_and_show(req, uuid, name, &map);
	if (!rc)
		backfile_warn_rest(file, req->offset, req->sizelimit, &map);
	signals_release();
	return rc;
}

/* What was asked for anew is done to the old device. */
static int attach_old(const struct attach *req, const struct loopdev *dev)
{
	int rc = 0;

	if (req->sector_size &&
	    resize_sectors(dev->name, dev, req->sector_size))
		return -1;
	signals_hold();
	if (req->partscan || dev->ident.flags & IDENT_PARTSCAN)
		rc = partitions_scan(dev);
	if (!rc && req->show)
		rc = devname_print(dev->name);
	signals_release();
	return rc;
}

static int attach_opened(const struct attach *req, const struct backfile *file,
			 char name[static NAME_SIZE])
{
	struct loopdev old;
	int lock, rc;

	if (!req->nooverlap)
		return attach_new(req, file, name);
	lock = nooverlap_lock();
	rc = nooverlap_find(req, file, &old);
	if (!rc) {
		rc = attach_new(req, file, name);
	} else if (rc > 0) {
		rc = attach_old(req, &old);
		loopdev_free(&old);
	}
	if (lock >= 0)
		close(lock);
	return rc;
}

/*
 * losetup takes any node name here and fails with ENOENT for one that is none
 * of its own.
 */
static int new_name(const char *device, char name[static NAME_SIZE])
{
	int rc = devname_resolve(device, name);

	if (rc)
		warn_setup(device, rc, rc == -EINVAL ?
			   "no name for a device-mapper device" : NULL);
	return rc;
}

int attach_file(const struct attach *req)
{
	char name[NAME_SIZE];
	struct backfile file;
	int rc;

	if (req->device && new_name(req->device, name))
		return -1;
	rc = backfile_open(&file, req->file, req->read_only);
	if (rc) {
		warn_setup(req->file, rc, rc == -EINVAL ?
			   "neither a regular file nor a block device" : NULL);
		return -1;
	}
	rc = attach_opened(req, &file, name);
	backfile_close(&file);
	if (!rc && req->made)
		strcpy(req->made, name);
	return rc;
}
