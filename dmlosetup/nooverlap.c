// SPDX-License-Identifier: GPL-2.0-only
#include "nooverlap.h"

#include <err.h>
#include <errno.h>
#include <string.h>

#include "devname.h"
#include "placeholder.h"

/* Is the device on this file, and in use? If need be that is waited for. */
static bool loopdev_is_on(struct loopdev *dev, const struct stat *st)
{
	char name[NAME_SIZE];

	if (!dev->has_ident || !ident_is(&dev->ident, st))
		return false;
	if (dev->active)
		return true;
	strcpy(name, dev->name);
	if (placeholder_drop_unfinished(name))
		return false;
	loopdev_free(dev);
	return !loopdm_get(name, dev) && dev->active && dev->has_ident &&
		ident_is(&dev->ident, st);
}

int nooverlap_list(const struct stat *st, struct loopdev **devs, size_t *nr)
{
	char prefix[UUID_SIZE];
	size_t i = 0;
	int rc;

	ident_prefix(st, prefix);
	rc = loopdm_list_some(prefix, devs, nr);
	while (i < *nr) {
		if (loopdev_is_on(&(*devs)[i], st)) {
			i++;
			continue;
		}
		loopdev_free(&(*devs)[i]);
		(*devs)[i] = (*devs)[--*nr];
	}
	return rc == -EACCES || rc == -ENODEV ? 0 : rc;
}

static bool ends_before(uint64_t offset, uint64_t size, uint64_t other)
{
	return size && offset <= other && other - offset >= size;
}

bool ranges_overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return !ends_before(a, a_size, b) && !ends_before(b, b_size, a);
}

/* As losetup has it: not what there is of the file, but what was asked for. */
static bool overlaps(const struct ident *id, const struct attach *req)
{
	return ranges_overlap(id->offset, id->sizelimit,
			      req->offset, req->sizelimit);
}

static bool is_same(const struct ident *id, const struct attach *req)
{
	return id->offset == req->offset && id->sizelimit == req->sizelimit;
}

/* Returns 1, 0 if it has gone meanwhile, or -1. */
static int reuse(const struct attach *req, const struct loopdev *dev)
{
	int rc;

	if (req->device || !is_same(&dev->ident, req)) {
		warnx("%s: overlapping loop device exists", req->file);
		return -1;
	}
	if (dev->read_only && !req->read_only) {
		warnx("%s: overlapping read-only loop device exists",
		      req->file);
		return -1;
	}
	rc = loopdm_keep_at_close(dev->uuid);
	if (!rc) {
		/* Who made it may still be waiting for that. */
		loopdm_wait_for_node(dev->name, dev->devno);
		return 1;
	}
	/* It is being removed, or was. */
	if (rc == -ENXIO || rc == -EBUSY)
		return 0;
	warnx("%s: failed to re-use loop device: %s", req->file, strerror(-rc));
	return -1;
}

static int warn_list(int rc)
{
	warnx("failed to inspect loop devices: %s", strerror(-rc));
	return -1;
}

int nooverlap_find(const struct attach *req, const struct backfile *file,
		   struct loopdev *found)
{
	struct loopdev *devs;
	size_t i, nr;
	int rc;

	rc = loopdm_list(&devs, &nr);
	if (rc)
		rc = warn_list(rc);
	for (i = 0; !rc && i < nr; i++) {
		if (!loopdev_is_on(&devs[i], &file->st) || !overlaps(&devs[i].ident, req))
			continue;
		rc = reuse(req, &devs[i]);
		if (rc > 0) {
			*found = devs[i];
			devs[i].path = devs[i].features = NULL;
		}
	}
	loopdm_list_free(devs, nr);
	return rc;
}

int nooverlap_check_writers(const struct attach *req,
			    const struct backfile *file)
{
	struct loopdev *devs;
	size_t i, nr;
	int rc = nooverlap_list(&file->st, &devs, &nr);

	if (rc)
		rc = warn_list(rc);
	for (i = 0; i < nr && !rc; i++) {
		if (devs[i].read_only || !overlaps(&devs[i].ident, req))
			continue;
		warnx("%s: failed to set up loop device: %s (" DEV_MAPPER
		      "%s writes to it; --overlap to write with both)",
		      req->file, strerror(EBUSY), devs[i].name);
		rc = -1;
	}
	loopdm_list_free(devs, nr);
	return rc;
}
