// SPDX-License-Identifier: GPL-2.0-only
#include "boot.h"

#include <err.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "attach.h"
#include "backfile.h"
#include "detach.h"
#include "devname.h"
#include "filelock.h"
#include "loopdm.h"
#include "partitions.h"
#include "tab.h"
#include "util.h"

/* Is @dev on what @entry asks for? */
static bool is_attached(const struct tab_entry *entry,
			const struct loopdev *dev)
{
	const struct ident *id = &dev->ident;
	struct stat st;

	return dev->active && dev->has_ident && !stat(entry->file, &st) &&
		ident_is(id, &st) &&
		id->offset == entry->offset && id->sizelimit == entry->sizelimit;
}

enum found { NONE, OURS, FOREIGN };

/*
 * Is there such a device? A placeholder is none. Why we may not know, those say
 * who make and remove devices.
 */
static enum found find(const char *name, struct loopdev *dev)
{
	int rc;

	memset(dev, 0, sizeof(*dev));
	if (loopdm_check())
		return NONE;
	rc = loopdm_get(name, dev);
	if (rc == -ENODEV)
		return FOREIGN;
	return rc || uuid_is_free(dev->uuid) ? NONE : OURS;
}

static bool may_be_missing(const struct tab_entry *entry)
{
	struct stat st;

	return entry->flags & TAB_NOFAIL && stat(entry->file, &st) &&
		(errno == ENOENT || errno == ENOTDIR);
}

/* It may be read-only because there was no other way. */
static bool may_be_read_only(const struct tab_entry *entry)
{
	struct backfile file;

	if (entry->flags & TAB_READ_ONLY)
		return true;
	if (backfile_open(&file, entry->file, false))
		return false;
	backfile_close(&file);
	return file.read_only;
}

/*
 * What is there is to be as the entry has it: one that goes away stays, and has
 * its partitions, or goes as before. Returns 1 if it has gone meanwhile.
 */
static int keep_entry(const struct tab_entry *entry, const struct loopdev *dev)
{
	int rc;

	if (dev->read_only ? !may_be_read_only(entry) :
			     entry->flags & TAB_READ_ONLY) {
		warnx("%s: it is %s already", entry->name,
		      dev->read_only ? "read-only" : "writable");
		return -1;
	}
	rc = dev->deferred ? loopdm_keep_at_close(dev->uuid) : 0;
	if (rc == -ENXIO || rc == -EBUSY)
		return 1;
	if (rc) {
		warnx("%s: failed to re-use loop device: %s", entry->name,
		      strerror(-rc));
		return -1;
	}
	if (entry->flags & TAB_PARTSCAN)
		rc = partitions_scan(dev);
	if (rc && dev->deferred)
		detach_loopdev(dev);
	return rc;
}

/* Returns 1 if there is no device of this name. */
static int find_and_keep(const struct tab_entry *entry)
{
	struct loopdev dev;
	enum found found = find(entry->name, &dev);
	int rc = 1;

	if (found == OURS && is_attached(entry, &dev)) {
		signals_hold();
		rc = keep_entry(entry, &dev);
		signals_release();
	} else if (found == OURS && !dev.active) {
		/* Not finished: who makes the device sees to that. */
	} else if (found != NONE) {
		warnx("%s: there is another device of this name", entry->name);
		rc = -1;
	}
	loopdev_free(&dev);
	return rc;
}

/* Without the lock again when this returns: who makes a device takes it. */
static int keep_locked(const struct tab_entry *entry)
{
	int lock, rc;

	if (filelock_take_path(entry->file, &lock))
		return -1;
	rc = find_and_keep(entry);
	filelock_release(lock);
	return rc;
}

static int attach_entry(const struct tab_entry *entry)
{
	const struct attach attach = {
		.file = entry->file,
		.device = entry->name,
		.offset = entry->offset,
		.sizelimit = entry->sizelimit,
		.sector_size = entry->sector_size,
		.ref = *entry->ref ? entry->ref : NULL,
		.read_only = entry->flags & TAB_READ_ONLY,
		.partscan = entry->flags & TAB_PARTSCAN,
		.overlap = entry->flags & TAB_OVERLAP || called_losetup(),
	};
	int rc = keep_locked(entry);

	return rc > 0 ? attach_file(&attach) : rc;
}

/* No device-mapper, no device. Who may not ask is told so by the attempt. */
static bool is_there(const struct tab_entry *entry)
{
	struct loopdev dev;
	enum found found;
	int rc = loopdm_check();

	if (rc)
		return rc != -ENODEV;
	found = find(entry->name, &dev);
	loopdev_free(&dev);
	return found != NONE;
}

static bool is_wanted(const struct tab_entry *entry, const char *const *names,
		      int nr_names)
{
	int i;

	for (i = 0; i < nr_names; i++)
		if (!strcmp(names[i], entry->name))
			return true;
	return !nr_names;
}

static int check_names(const struct tab *tab, const char *const *names,
		       int nr_names)
{
	int i, rc = 0;
	size_t j;

	for (i = 0; i < nr_names; i++) {
		for (j = 0; j < tab->nr; j++)
			if (!strcmp(tab->entries[j].name, names[i]))
				break;
		if (j == tab->nr) {
			warnx("%s: not in %s", names[i], tab->path);
			rc = -1;
		}
	}
	return rc;
}

/* A line that cannot be read is a failure, but no obstacle to the others. */
static int read_tab(struct tab *tab, const char *const *names, int nr_names)
{
	int rc = tab_read(tab);

	if (!rc)
		rc = check_names(tab, names, nr_names);
	return tab->nr_errors && !nr_names ? -1 : rc;
}

int boot_attach(const char *const *names, int nr_names)
{
	const struct tab_entry *entry;
	struct tab tab;
	int rc = read_tab(&tab, names, nr_names);

	for (entry = tab.entries; entry < tab.entries + tab.nr; entry++) {
		if (!is_wanted(entry, names, nr_names))
			continue;
		if (!nr_names && (entry->flags & TAB_NOAUTO ||
				  may_be_missing(entry)))
			continue;
		if (attach_entry(entry))
			rc = -1;
	}
	tab_free(&tab);
	return rc;
}

int boot_detach(const char *const *names, int nr_names, bool wait)
{
	const struct tab_entry *entry;
	struct loopdev *devs;
	struct tab tab;
	size_t i, nr = 0;
	int rc = read_tab(&tab, names, nr_names);

	devs = xrealloc(NULL, (tab.nr + 1) * sizeof(*devs));
	for (entry = tab.entries + tab.nr; entry-- > tab.entries; ) {
		if (!is_wanted(entry, names, nr_names) || !is_there(entry))
			continue;
		if (detach_device(entry->name, &devs[nr]))
			rc = -1;
		else
			nr++;
	}
	for (i = 0; wait && i < nr; i++)
		detach_wait_for(&devs[i]);
	free(devs);
	tab_free(&tab);
	return rc;
}
