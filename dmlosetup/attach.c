// SPDX-License-Identifier: GPL-2.0-only
#include "attach.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "backfile.h"
#include "detach.h"
#include "devname.h"
#include "filelock.h"
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

	/* losetup cuts it. */
	if (req->ref && strlen(req->ref) >= sizeof(id.ref) && !called_losetup())
		return -E2BIG;
	snprintf(id.ref, sizeof(id.ref), "%.*s", REF_SIZE - 1,
		 req->ref ? req->ref : "");
	return ident_format(&id, uuid);
}

/*
 * A device in the place of the placeholder of its name, if there is one, which
 * *@claimed says. After a failure that is back.
 */
static int create_device(const struct attach *req, const struct attached *dev,
			 const struct mapping *map, bool *claimed)
{
	int rc = placeholder_claim(dev->name, claimed);

	if (rc)
		return rc;
	rc = loopdm_create(dev->name, dev->uuid, map, req->hold);
	if (rc && *claimed)
		loopdm_create_free(dev->name);
	return rc;
}

/* Under the name that was asked for. */
static int create_named(const struct attach *req, const struct attached *dev,
			const struct mapping *map, bool *claimed)
{
	unsigned int tries;
	int rc;

	for (tries = 0; tries < NUMBERS_MAX_TRIES; tries++) {
		rc = create_device(req, dev, map, claimed);
		if (rc == -EEXIST && placeholder_drop_unfinished(dev->name))
			rc = -ESTALE;
		if (rc != -ESTALE)
			break;
	}
	return rc == -EEXIST ? -EBUSY : rc;
}

/* Under the first free number. With others about, some near that one will do. */
static int create_numbered(const struct attach *req, struct attached *dev,
			   const struct mapping *map, bool *claimed)
{
	unsigned int tries;
	int rc, n;

	for (tries = 0; tries < NUMBERS_MAX_TRIES; tries++) {
		n = numbers_find_free(tries);
		if (n < 0)
			return n;
		snprintf(dev->name, sizeof(dev->name), NAME_PREFIX "%d", n);
		rc = create_device(req, dev, map, claimed);
		if (rc != -EEXIST && rc != -ESTALE)
			break;
	}
	return rc;
}

static int create(const struct attach *req, struct attached *dev,
		  struct mapping *map, bool *claimed)
{
	int rc;

	for (;;) {
		rc = req->device ? create_named(req, dev, map, claimed) :
				   create_numbered(req, dev, map, claimed);
		/* What access() cannot know: a server, or a security module. */
		if (map->read_only || (rc != -EROFS && rc != -EACCES))
			return rc;
		map->read_only = true;
	}
}

/* Takes back a device that was complete, and its partitions. */
static void undo(const struct attach *req, const struct attached *made,
		 bool claimed)
{
	struct loopdev dev;

	if (req->hold) {
		loopdm_release(made->uuid, *req->hold);
		*req->hold = -1;
	}
	if (!loopdm_get(made->name, &dev) && !strcmp(dev.uuid, made->uuid))
		detach_loopdev(&dev);
	loopdev_free(&dev);
	if (claimed)
		loopdm_create_free(made->name);
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

static int create_and_show(const struct attach *req, struct attached *dev,
			   struct mapping *map)
{
	bool claimed;
	int rc = create(req, dev, map, &claimed);

	if (rc) {
		warn_setup(req->file, rc, loopdm_reason());
		return -1;
	}
	if (req->partscan)
		rc = scan(dev->name);
	if (!rc && signals_pending())
		rc = -1;
	if (!rc && req->show)
		rc = devname_print(dev->name);
	if (rc)
		undo(req, dev, claimed);
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
		      struct attached *made)
{
	char *features = NULL;
	struct mapping map;
	int rc;

	if (req->sector_size)
		features = features_set(NULL, FEATURE_SECTOR_SIZE,
					req->sector_size);
	rc = check(req, file, features, &map, made->uuid);
	free(features);
	if (rc)
		return rc;
	signals_hold();
	rc = create_and_show(req, made, &map);
	if (!rc)
		backfile_warn_rest(file, req->offset, req->sizelimit, &map);
	signals_release();
	return rc;
}

/*
 * What was asked for anew is done to the old device. If it cannot be and the
 * device was detached already, it is so again. Signals are held back.
 */
static int attach_old(const struct attach *req, const struct loopdev *dev,
		      struct attached *made)
{
	int rc = 0;

	strcpy(made->name, dev->name);
	strcpy(made->uuid, dev->uuid);
	if (req->sector_size)
		rc = resize_sectors(dev->name, dev, req->sector_size);
	if (!rc && (req->partscan || dev->ident.flags & IDENT_PARTSCAN))
		rc = partitions_scan(dev);
	if (!rc && signals_pending())
		rc = -1;
	if (!rc && req->show)
		rc = devname_print(dev->name);
	if (rc && dev->deferred)
		detach_loopdev(dev);
	return rc;
}

static int attach_opened(const struct attach *req, const struct backfile *file,
			 struct attached *made)
{
	struct loopdev old;
	int lock, rc;

	if (!req->nooverlap && (req->overlap || file->read_only))
		return attach_new(req, file, made);
	rc = filelock_take(file->st.st_dev, file->st.st_ino, &lock);
	if (rc) {
		warn_setup(req->file, rc, NULL);
		return -1;
	}
	/* A device that is found is not to go away any more: from then on. */
	signals_hold();
	rc = req->nooverlap ? nooverlap_find(req, file, &old) :
			      nooverlap_check_writers(req, file);
	if (!rc) {
		rc = attach_new(req, file, made);
	} else if (rc > 0) {
		rc = attach_old(req, &old, made);
		loopdev_free(&old);
	}
	signals_release();
	filelock_release(lock);
	return rc;
}

/*
 * losetup takes any node name here and fails with ENOENT for one that is none
 * of its own.
 */
static int new_name(const char *device, char name[static NAME_SIZE])
{
	int rc = devname_resolve(device, name);
	const char *why = NULL;

	if (rc == -EINVAL)
		why = "no name for a device-mapper device";
	else if (rc && name_is_devno(device))
		why = "a number is no name for a new one";
	if (rc)
		warn_setup(device, rc, why);
	return rc;
}

int attach_file(const struct attach *req)
{
	struct attached made;
	struct backfile file;
	int rc;

	if (req->device && new_name(req->device, made.name))
		return -1;
	rc = backfile_open(&file, req->file, req->read_only);
	if (rc) {
		warn_setup(req->file, rc, rc == -EINVAL ?
			   "neither a regular file nor a block device" : NULL);
		return -1;
	}
	/* Before others have to wait for the file. */
	rc = backfile_sync(&file);
	if (rc)
		warn_setup(req->file, rc, NULL);
	else
		rc = attach_opened(req, &file, &made);
	backfile_close(&file);
	if (!rc && req->made)
		*req->made = made;
	return rc ? -1 : 0;
}
