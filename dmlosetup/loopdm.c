// SPDX-License-Identifier: GPL-2.0-only
#include "loopdm.h"

#include <errno.h>
#include <fcntl.h>
#include <libdevmapper.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "kmsg.h"
#include "sysfs.h"
#include "util.h"

/* What a placeholder's inactive table maps; nobody ever sees it. */
#define FREE_TARGET	"error"

/* For udev to take a link away. */
#define NODE_TRIES	40
#define NODE_DELAY_MS	50

static char reason[256];
static bool debug;

const char *loopdm_reason(void)
{
	return *reason ? reason : NULL;
}

static void __attribute__((format(printf, 1, 2))) set_reason(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
}

/*
 * The library logs what it tries; we print one line about what came of it. The
 * environment variable is the one that losetup has.
 */
static void __attribute__((format(printf, 5, 6)))
log_line(int level __attribute__((unused)),
	 const char *file __attribute__((unused)),
	 int line __attribute__((unused)),
	 int dm_errno __attribute__((unused)), const char *fmt, ...)
{
	va_list ap;

	if (!debug)
		return;
	va_start(ap, fmt);
	fputs("libdevmapper: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}

void loopdm_init(void)
{
	debug = getenv("LOOPDEV_DEBUG");
	dm_log_with_errno_init(log_line);
}

void loopdm_exit(void)
{
	dm_lib_release();
	dm_lib_exit();
}

/* Why did the library not even get to its ioctl? */
static int control_error(void)
{
	/* It is there, but its node is not, and cannot be made: a container. */
	if (geteuid() || !access("/sys/class/misc/device-mapper", F_OK))
		return -EACCES;
	set_reason("no device-mapper here: modprobe dm-mod");
	return -ENODEV;
}

static int run(struct dm_task *dmt)
{
	int err;

	if (dm_task_run(dmt))
		return 0;
	err = dm_task_get_errno(dmt);
	return err ? -err : control_error();
}

/* For tasks that make a uevent: returns after udev has worked on it. */
static int run_and_wait(struct dm_task *dmt, uint16_t udev_flags)
{
	uint32_t cookie = 0;
	int rc;

	if (!dm_task_set_cookie(dmt, &cookie, udev_flags)) {
		set_reason("no semaphore to wait for udev with, see ipcs(1)");
		return -ENOSPC;
	}
	rc = run(dmt);
	dm_udev_wait(cookie);
	return rc;
}

/*
 * A task for the device with this UUID, or this name. Returns NULL if there is
 * no device-mapper to give it to.
 */
static struct dm_task *new_task(int type, const char *name, const char *uuid)
{
	struct dm_task *dmt = dm_task_create(type);

	if (!dmt)
		return NULL;
	if ((name && !dm_task_set_name(dmt, name)) ||
	    (uuid && !dm_task_set_uuid(dmt, uuid))) {
		dm_task_destroy(dmt);
		return NULL;
	}
	return dmt;
}

/* Runs it and frees it. */
static int run_once(struct dm_task *dmt)
{
	int rc;

	if (!dmt)
		return control_error();
	rc = run(dmt);
	dm_task_destroy(dmt);
	return rc;
}

int loopdm_check(void)
{
	*reason = '\0';
	return run_once(new_task(DM_DEVICE_VERSION, NULL, NULL));
}

static void fill_from_uuid(struct loopdev *dev)
{
	dev->has_ident = !ident_parse(dev->uuid, &dev->ident);
	if (dev->has_ident)
		dev->offset = dev->ident.offset;
}

/* Reads the one line of the live table. Whatever it is, it is no error. */
static void fill_from_table(struct loopdev *dev, struct dm_task *dmt)
{
	char *target = NULL, *params = NULL;
	struct table_line line;
	uint64_t start;

	dm_get_next_target(dmt, NULL, &start, &dev->sectors, &target, &params);
	if (!target || !params)
		return;
	snprintf(dev->target, sizeof(dev->target), "%s", target);
	if (table_parse(target, params, &line))
		return;
	dev->offset = line.offset;
	dev->path = line.path;
	dev->features = line.features;
	if (!dev->path)
		dev->path = sysfs_node(makedev(line.major, line.minor));
}

/*
 * A device of ours has our UUID. Without one it can only be a leftover of
 * dmsetup or of somebody who likes our names.
 */
static int fill(struct loopdev *dev, struct dm_task *dmt)
{
	struct dm_info info;

	if (!dm_task_get_info(dmt, &info) || !info.exists)
		return -ENXIO;
	snprintf(dev->name, sizeof(dev->name), "%s", dm_task_get_name(dmt));
	snprintf(dev->uuid, sizeof(dev->uuid), "%s", dm_task_get_uuid(dmt));
	if (!uuid_is_ours(dev->uuid))
		return -ENODEV;
	dev->devno = makedev(info.major, info.minor);
	dev->active = info.live_table;
	dev->read_only = info.read_only;
	dev->deferred = info.deferred_remove;
	dev->suspended = info.suspended;
	dev->has_info = true;
	fill_from_uuid(dev);
	fill_from_table(dev, dmt);
	return 0;
}

static int get(const char *name, const char *uuid, struct loopdev *dev)
{
	struct dm_task *dmt;
	int rc;

	*reason = '\0';
	memset(dev, 0, sizeof(*dev));
	dmt = new_task(DM_DEVICE_TABLE, name, uuid);
	if (!dmt)
		return control_error();
	dm_task_no_open_count(dmt);
	dm_task_no_flush(dmt);
	rc = run(dmt);
	if (!rc)
		rc = fill(dev, dmt);
	dm_task_destroy(dmt);
	return rc;
}

int loopdm_get(const char *name, struct loopdev *dev)
{
	return get(name, NULL, dev);
}

int loopdm_get_uuid(const char *uuid, struct loopdev *dev)
{
	return get(NULL, uuid, dev);
}

int loopdm_status(const char *uuid, char **status)
{
	struct dm_task *dmt = new_task(DM_DEVICE_STATUS, NULL, uuid);
	char *target = NULL, *params = NULL;
	uint64_t start, length;
	int rc;

	if (!dmt)
		return control_error();
	dm_task_no_open_count(dmt);
	dm_task_no_flush(dmt);
	rc = run(dmt);
	if (!rc) {
		dm_get_next_target(dmt, NULL, &start, &length, &target,
				   &params);
		*status = xstrdup(params ? params : "");
	}
	dm_task_destroy(dmt);
	return rc;
}

int loopdm_message(const char *uuid, const char *message, char **answer)
{
	struct dm_task *dmt = new_task(DM_DEVICE_TARGET_MSG, NULL, uuid);
	const char *s;
	int rc = -ENOMEM;

	if (!dmt)
		return control_error();
	if (dm_task_set_message(dmt, message))
		rc = run(dmt);
	if (!rc) {
		s = dm_task_get_message_response(dmt);
		*answer = xstrdup(s ? s : "");
	}
	dm_task_destroy(dmt);
	return rc;
}

void loopdev_free(struct loopdev *dev)
{
	free(dev->path);
	free(dev->features);
	dev->path = NULL;
	dev->features = NULL;
}

int loopdm_each_name(const char *name_prefix, const char *uuid_prefix,
		     int (*fn)(const char *name, void *data), void *data)
{
	struct dm_task *dmt = new_task(DM_DEVICE_LIST, name_prefix, uuid_prefix);
	struct dm_names *names;
	int rc;

	if (!dmt)
		return control_error();
	rc = run(dmt);
	names = rc ? NULL : dm_task_get_names(dmt);
	if (names && names->dev) {
		for (;;) {
			rc = fn(names->name, data);
			if (rc || !names->next)
				break;
			names = (void *)((char *)names + names->next);
		}
	}
	dm_task_destroy(dmt);
	return rc;
}

struct list {
	struct loopdev *devs;
	size_t nr;
	int rc;		/* of the first that could not be read */
};

static struct loopdev *list_add(struct list *list)
{
	list->devs = xrealloc(list->devs, (list->nr + 1) * sizeof(*list->devs));
	memset(&list->devs[list->nr], 0, sizeof(*list->devs));
	return &list->devs[list->nr++];
}

static int list_add_name(const char *name, void *data)
{
	struct list *list = data;
	int rc = loopdm_get(name, list_add(list));

	if (rc)
		list->nr--;
	/* It may be gone by now, and its name another's. */
	if (rc && rc != -ENXIO && rc != -ENODEV && !list->rc)
		list->rc = rc;
	return 0;
}

static int list_add_sysfs(const struct sysfs_dm *found, void *data)
{
	struct loopdev *dev;

	if (!uuid_is_ours(found->uuid))
		return 0;
	dev = list_add(data);
	snprintf(dev->name, sizeof(dev->name), "%s", found->name);
	snprintf(dev->uuid, sizeof(dev->uuid), "%s", found->uuid);
	dev->devno = found->devno;
	dev->active = found->sectors;
	dev->read_only = found->read_only;
	fill_from_uuid(dev);
	return 0;
}

static int compare_devs(const void *a, const void *b)
{
	return strverscmp(((const struct loopdev *)a)->name,
			  ((const struct loopdev *)b)->name);
}

int loopdm_list(struct loopdev **devs, size_t *nr)
{
	struct list list = { NULL, 0, 0 };
	int rc = loopdm_check();

	if (!rc)
		rc = loopdm_each_name(NULL, UUID_PREFIX, list_add_name, &list);
	else
		rc = sysfs_each_dm(list_add_sysfs, &list);
	if (list.nr)
		qsort(list.devs, list.nr, sizeof(*list.devs), compare_devs);
	*devs = list.devs;
	*nr = list.nr;
	return rc ? rc : list.rc;
}

int loopdm_list_some(const char *uuid_prefix, struct loopdev **devs, size_t *nr)
{
	struct list list = { NULL, 0, 0 };
	int rc = loopdm_each_name(NULL, uuid_prefix, list_add_name, &list);

	*devs = list.devs;
	*nr = list.nr;
	return rc ? rc : list.rc;
}

void loopdm_list_free(struct loopdev *devs, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		loopdev_free(&devs[i]);
	free(devs);
}

/* Does /dev/mapper/@name agree with the kernel? @devno 0: there is none. */
static bool node_is_right(const char *name, dev_t devno)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dm_dir(), name);
	if (!devno)
		return lstat(path, &st);
	return !stat(path, &st) && st.st_rdev == devno;
}

/*
 * Makes it agree where udev did not: there is none, its rules are not
 * installed, or an older node is in its way.
 */
static void sync_node(const char *name, dev_t devno)
{
	if (node_is_right(name, devno))
		return;
	run_once(new_task(DM_DEVICE_MKNODES, name, NULL));
	dm_task_update_nodes();
}

static int remove_by_uuid(const char *uuid, bool deferred)
{
	struct dm_task *dmt = new_task(DM_DEVICE_REMOVE, NULL, uuid);
	int rc;

	if (!dmt)
		return control_error();
	if (deferred)
		dm_task_deferred_remove(dmt);
	rc = run_and_wait(dmt, 0);
	dm_task_destroy(dmt);
	return rc;
}

int loopdm_remove(const char *name, const char *uuid)
{
	int rc = remove_by_uuid(uuid, false);

	if (!rc)
		sync_node(name, 0);
	return rc;
}

int loopdm_remove_at_close(const char *uuid)
{
	return remove_by_uuid(uuid, true);
}

int loopdm_keep_at_close(const char *uuid)
{
	struct dm_task *dmt = new_task(DM_DEVICE_TARGET_MSG, NULL, uuid);

	if (dmt && !dm_task_set_message(dmt, "@cancel_deferred_remove")) {
		dm_task_destroy(dmt);
		return -ENOMEM;
	}
	return run_once(dmt);
}

void loopdm_wait_for_node(const char *name, dev_t devno)
{
	int tries;

	for (tries = 0; tries < NODE_TRIES && !node_is_right(name, devno);
	     tries++)
		sleep_ms(NODE_DELAY_MS);
	sync_node(name, devno);
}

static int create_empty(const char *name, const char *uuid, dev_t *devno)
{
	struct dm_task *dmt = new_task(DM_DEVICE_CREATE, name, uuid);
	struct dm_info info;
	int rc;

	if (!dmt)
		return control_error();
	rc = run(dmt);
	if (rc == -EBUSY)
		rc = -EEXIST;
	if (!rc && dm_task_get_info(dmt, &info))
		*devno = makedev(info.major, info.minor);
	dm_task_destroy(dmt);
	return rc;
}

static bool have_target(const char *target)
{
	return !run_once(new_task(DM_DEVICE_GET_TARGET_VERSION, target, NULL));
}

/*
 * The kernel says why it refuses a table in its log and nowhere else. @log was
 * opened before the table was loaded.
 */
static void explain_load(int log, dev_t devno, const char *target)
{
	if (!have_target(target))
		set_reason("the kernel has no \"%s\" target: modprobe dm-%s",
			   target, target);
	else if (!kmsg_table_error(log, devno, reason, sizeof(reason)))
		set_reason("see dmesg");
}

static int load(const char *uuid, dev_t devno, const struct mapping *map)
{
	struct dm_task *dmt = new_task(DM_DEVICE_RELOAD, NULL, uuid);
	int log, rc;

	if (!dmt)
		return control_error();
	log = kmsg_open();
	if (map->read_only)
		dm_task_set_ro(dmt);
	rc = -ENOMEM;
	if (dm_task_add_target(dmt, 0, map->sectors, map->target, map->params))
		rc = run(dmt);
	dm_task_destroy(dmt);
	if (rc && rc != -ENXIO)
		explain_load(log, devno, map->target);
	kmsg_close(log);
	return rc;
}

static int resume(const char *uuid)
{
	struct dm_task *dmt = new_task(DM_DEVICE_RESUME, NULL, uuid);
	int rc;

	if (!dmt)
		return control_error();
	rc = run_and_wait(dmt, 0);
	dm_task_destroy(dmt);
	return rc;
}

/* By the kernel's own node: udev makes the others, and does so after resume(). */
static int open_until_close(const char *uuid, dev_t devno)
{
	struct stat st;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/dm-%u", minor(devno));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) || !S_ISBLK(st.st_mode) || st.st_rdev != devno ||
	    loopdm_remove_at_close(uuid)) {
		close(fd);
		return -1;
	}
	return fd;
}

void loopdm_release(const char *uuid, int fd)
{
	if (fd < 0)
		return;
	loopdm_keep_at_close(uuid);
	close(fd);
}

int loopdm_create(const char *name, const char *uuid, const struct mapping *map,
		  int *hold)
{
	int rc, fd = -1;
	dev_t devno;

	*reason = '\0';
	if (hold)
		*hold = -1;
	rc = create_empty(name, uuid, &devno);
	if (rc)
		return rc;
	rc = load(uuid, devno, map);
	/* The kernel has made the node by now, but there is nothing to use yet. */
	if (!rc && hold)
		fd = open_until_close(uuid, devno);
	if (!rc)
		rc = resume(uuid);
	if (rc) {
		loopdm_release(uuid, fd);
		/* Gone already: a --detach-all came in between. */
		if (loopdm_remove(name, uuid) == -ENXIO)
			rc = -ESTALE;
		return rc;
	}
	if (hold)
		*hold = fd;
	sync_node(name, devno);
	return 0;
}

/*
 * Gives the device its name, and udev an event that it acts upon. It only has
 * to make the link: there is nothing to read on the device.
 */
static int rename_free(const char *from, const char *to)
{
	struct dm_task *dmt = new_task(DM_DEVICE_RENAME, from, NULL);
	int rc = -ENOMEM;

	if (!dmt)
		return control_error();
	if (dm_task_set_newname(dmt, to))
		rc = run_and_wait(dmt, DM_UDEV_DISABLE_SUBSYSTEM_RULES_FLAG |
				  DM_UDEV_DISABLE_DISK_RULES_FLAG |
				  DM_UDEV_DISABLE_OTHER_RULES_FLAG);
	dm_task_destroy(dmt);
	return rc == -EBUSY ? -EEXIST : rc;
}

/*
 * A device with a table that was loaded but never resumed has a block node of
 * size 0, as an unused loop device has. udev makes the link in /dev/mapper for
 * resume and rename events only, hence the name of its own first.
 */
int loopdm_create_free(const char *name)
{
	const struct mapping map = { .target = FREE_TARGET, .sectors = 1 };
	uint64_t random = random_u64();
	char uuid[UUID_SIZE];
	dev_t devno;
	int rc;

	uuid_format_free(random, uuid);
	rc = create_empty(uuid, uuid, &devno);
	if (rc)
		return rc;
	rc = load(uuid, devno, &map);
	if (!rc)
		rc = rename_free(uuid, name);
	if (rc) {
		if (loopdm_remove(uuid, uuid) == -ENXIO)
			rc = -ESTALE;
		return rc;
	}
	sync_node(name, devno);
	return 0;
}

bool loopdm_maps(const char *uuid, const struct mapping *map)
{
	struct dm_task *dmt = new_task(DM_DEVICE_TABLE, NULL, uuid);
	char *target = NULL, *params = NULL;
	uint64_t start, sectors = 0;
	bool same;

	if (!dmt)
		return false;
	if (!run(dmt))
		dm_get_next_target(dmt, NULL, &start, &sectors, &target,
				   &params);
	same = target && params && sectors == map->sectors &&
		!strcmp(target, map->target) && !strcmp(params, map->params);
	dm_task_destroy(dmt);
	return same;
}

int loopdm_reload(const struct loopdev *dev, const struct mapping *map)
{
	int rc;

	*reason = '\0';
	rc = load(dev->uuid, dev->devno, map);
	if (rc)
		return rc;
	/* Suspends, takes the new table and resumes, all in one ioctl. */
	rc = resume(dev->uuid);
	if (rc) {
		run_once(new_task(DM_DEVICE_CLEAR, NULL, dev->uuid));
		/* If it did not get further than to suspend: with the old one. */
		resume(dev->uuid);
	}
	return rc;
}
