// SPDX-License-Identifier: GPL-2.0-only
/*
 * mount.fastloop: the helper that mount(8) calls for "mount -t fastloop".
 *
 * The file becomes a device that goes away at its last close. We keep the
 * device open until it is mounted. From there on the mount keeps it, and
 * umount(8) frees it; and if anything fails, or if we are killed, nobody does.
 *
 * libmount mounts it, and not another mount(8): it knows the same options and
 * helpers of other file systems, and its message for a failure is ours to
 * print, in one line.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libmount.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "attach.h"
#include "devname.h"
#include "image_part.h"
#include "loopdm.h"
#include "size.h"
#include "sysfs.h"
#include "util.h"

/* As mount(8) has them. */
#define EXIT_USAGE	MNT_EX_USAGE
#define EXIT_FAIL	MNT_EX_FAIL

struct mounting {
	const char *source;	/* as it was given */
	const char *file;
	const char *dir;
	const char *type;	/* NULL: the one that is found */
	char *options;		/* for the file system */
	char *part;
	struct range range;	/* of the file */
	bool read_only, fake, sloppy, no_mtab;
};

struct device {
	char name[NAME_SIZE];
	char uuid[UUID_SIZE];
	int fd;			/* it does not go as long as we have this */
	bool is_new;
};

/* ---- options ---- */

static uint64_t parse_size(const char *name, const char *value)
{
	uint64_t size;
	int rc = size_parse(value, &size);

	if (rc)
		errx(EXIT_USAGE, "failed to parse %s: '%s': %s", name, value,
		     strerror(-rc));
	return size;
}

static void set_offset(struct mounting *m, const char *value)
{
	m->range.offset = parse_size("offset", value);
}

static void set_sizelimit(struct mounting *m, const char *value)
{
	m->range.size = parse_size("sizelimit", value);
}

/* A value with a comma stands in quotes. */
static void set_part(struct mounting *m, const char *value)
{
	size_t len = strlen(value);
	bool quoted = len >= 2 && *value == '"' && value[len - 1] == '"';

	free(m->part);
	m->part = quoted ? xasprintf("%.*s", (int)len - 2, value + 1) :
			   xstrdup(value);
}

static const struct mount_option {
	const char *name;
	void (*set)(struct mounting *m, const char *value);
	const char *arg;
	const char *help;
} options[] = {
	{ "offset", set_offset, "<num>", "start at offset <num> into file" },
	{ "sizelimit", set_sizelimit, "<num>",
	  "use no more than <num> bytes of the file" },
	{ "part", set_part, "<part>", "a partition in the file: its number, or "
	  "PARTLABEL=,\n"
	  "                       PARTUUID=, LABEL= or UUID= and a value" },
};

static bool take_option(struct mounting *m, const char *name, const char *value)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(options); i++) {
		if (strcmp(options[i].name, name))
			continue;
		if (!value || !*value)
			errx(EXIT_USAGE, "option '%s' needs a value", name);
		options[i].set(m, value);
		return true;
	}
	return false;
}

/* Ours are taken out, the others are kept for the file system. */
static void parse_options(struct mounting *m, char *list)
{
	char *name, *value, *arg, *key;
	size_t name_len, value_len;

	while (!mnt_optstr_next_option(&list, &name, &name_len, &value,
				       &value_len)) {
		key = xasprintf("%.*s", (int)name_len, name);
		arg = value ? xasprintf("%.*s", (int)value_len, value) : NULL;
		if (!strcmp(key, "ro"))
			m->read_only = true;
		else if (!strcmp(key, "rw"))
			m->read_only = false;
		if (!take_option(m, key, arg) &&
		    mnt_optstr_append_option(&m->options, key, arg))
			err(EXIT_FAIL, NULL);
		free(key);
		free(arg);
	}
}

static void __attribute__((noreturn)) print_help(void)
{
	size_t i;

	printf("\nUsage:\n"
	       " mount -t fastloop [-o <options>] <file> <directory>\n"
	       " %s <file> <directory> [-fnsv] [-o <options>] "
	       "[-t fastloop.<type>]\n"
	       "\nMount a file system from a file, through a fastloop device.\n"
	       "\nOptions for -o, beside those of the file system:\n",
	       program_invocation_short_name);
	for (i = 0; i < ARRAY_SIZE(options); i++)
		printf(" %s=%-*s %s\n", options[i].name,
		       (int)(20 - strlen(options[i].name)), options[i].arg,
		       options[i].help);
	printf("\nFor more details see mount.fastloop(8).\n");
	exit(EXIT_SUCCESS);
}

/* "fastloop.ext4": the part behind the dot. */
static const char *subtype(const char *type)
{
	const char *dot = strchr(type, '.');

	if (strncmp(type, "fastloop", strlen("fastloop")) || (dot && !dot[1]))
		errx(EXIT_USAGE, "%s: not fastloop or fastloop.<type>", type);
	return dot ? dot + 1 : NULL;
}

static void parse_arguments(struct mounting *m, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "fhno:st:vV", longs, NULL)) != -1) {
		switch (c) {
		case 'f': m->fake = true; break;
		case 'n': m->no_mtab = true; break;
		case 'o': parse_options(m, optarg); break;
		case 's': m->sloppy = true; break;
		case 't': m->type = subtype(optarg); break;
		case 'v': break;
		case 'h': print_help();
		case 'V':
			printf("%s from dm-fastloop %s\n",
			       program_invocation_short_name, VERSION);
			exit(EXIT_SUCCESS);
		default:
			fprintf(stderr, "Try '%s --help' for more information."
				"\n", program_invocation_short_name);
			exit(EXIT_USAGE);
		}
	}
	if (argc - optind != 2)
		errx(EXIT_USAGE, "a file and a directory are needed");
	m->source = m->file = argv[optind];
	m->dir = argv[optind + 1];
}

/* ---- the file ---- */

/* Nobody has mounted or claimed it. */
static bool is_unclaimed(const char *path)
{
	int fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/*
 * mount(8) keeps offset= and sizelimit= for itself: it makes a loop device
 * first, whatever the type is, and calls us with that. It goes when mount(8)
 * does. What was meant is the file under it.
 */
static void look_through_loop(struct mounting *m)
{
	static struct sysfs_loop loop;
	struct stat st;

	if (stat(m->source, &st) || !S_ISBLK(st.st_mode) ||
	    !sysfs_autoclear_loop(st.st_rdev, &loop) ||
	    !is_unclaimed(m->source))
		return;
	m->file = loop.file;
	m->range.offset += loop.offset;
	if (!m->range.size)
		m->range.size = loop.sizelimit;
}

static int find_part(struct mounting *m)
{
	const char *why;

	if (!m->part)
		return 0;
	why = image_part_find(m->file, m->part, &m->range);
	if (!why)
		return 0;
	warnx("%s: part=%s: %s", m->file, m->part, why);
	return -1;
}

/* ---- the device ---- */

static uint64_t range_end(const struct range *range)
{
	return range->size ? range->offset + range->size : UINT64_MAX;
}

static bool is_on(const struct loopdev *dev, const struct stat *st)
{
	return dev->active && dev->has_ident &&
		dev->ident.inode == st->st_ino &&
		makedev(dev->ident.major, dev->ident.minor) == st->st_dev;
}

static bool is_same(const struct loopdev *dev, const struct mounting *m)
{
	return dev->offset == m->range.offset &&
		dev->ident.sizelimit == m->range.size &&
		dev->read_only == m->read_only;
}

/* Bytes that one of the two could change under the other. */
static bool is_in_the_way(const struct loopdev *dev, const struct mounting *m)
{
	return !(dev->read_only && m->read_only) &&
		dev->offset < range_end(&m->range) &&
		m->range.offset < dev->offset + dev->sectors * SECTOR_SIZE;
}

/*
 * The same part of a file twice, as two devices, is two file systems in one
 * place. So the same device is taken again, and then the kernel knows that it
 * is one. Returns 1 if there is such a device, 0, or -1 after a message.
 */
static int find_device(const struct mounting *m, struct device *device)
{
	struct loopdev *devs;
	struct stat st;
	size_t i, nr;
	int rc = 0;

	if (stat(m->file, &st) || loopdm_list(&devs, &nr))
		return 0;
	for (i = 0; i < nr && !rc; i++) {
		if (!is_on(&devs[i], &st))
			continue;
		if (is_same(&devs[i], m)) {
			strcpy(device->name, devs[i].name);
			strcpy(device->uuid, devs[i].uuid);
			rc = 1;
		} else if (is_in_the_way(&devs[i], m)) {
			warnx("%s: overlaps what " DEV_MAPPER "%s has of it",
			      m->file, devs[i].name);
			rc = -1;
		}
	}
	loopdm_list_free(devs, nr);
	return rc;
}

static int make_device(const struct mounting *m, struct device *device)
{
	struct attached made;
	const struct attach setup = {
		.file = m->file,
		.offset = m->range.offset,
		.sizelimit = m->range.size,
		.read_only = m->read_only,
		.made = &made,
	};

	if (attach_file(&setup))
		return -1;
	strcpy(device->name, made.name);
	strcpy(device->uuid, made.uuid);
	device->is_new = true;
	return 0;
}

/*
 * From now on it goes when the last one closes it: at best, umount(8). If not
 * even this can be told it, it is removed here.
 */
static int keep_open(struct device *device)
{
	char path[DEVNAME_SIZE];
	int rc = 0;

	devname_path(device->name, path);
	device->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (device->fd < 0)
		rc = -errno;
	else if (device->is_new)
		rc = loopdm_remove_at_close(device->uuid);
	if (rc)
		warnx("%s: %s", path, strerror(-rc));
	return rc;
}

static int get_device(const struct mounting *m, struct device *device)
{
	int rc = find_device(m, device);

	if (!rc)
		rc = make_device(m, device);
	return rc < 0 ? -1 : keep_open(device);
}

/* After a failure it is gone when we are, and not a little later. */
static void put_device(const struct device *device, bool failed)
{
	int tries = 20;

	if (device->fd >= 0)
		close(device->fd);
	if (!failed || !device->is_new)
		return;
	/* udev may be looking at it. */
	while (loopdm_remove(device->name, device->uuid) == -EBUSY && tries--)
		sleep_ms(50);
}

/* ---- mounting ---- */

static int set_up_context(struct libmnt_context *cxt, const struct mounting *m,
			  const char *path)
{
	return mnt_context_set_source(cxt, path) ||
		mnt_context_set_target(cxt, m->dir) ||
		(m->type && mnt_context_set_fstype(cxt, m->type)) ||
		(m->options && mnt_context_set_options(cxt, m->options)) ||
		mnt_context_enable_sloppy(cxt, m->sloppy) ||
		mnt_context_disable_mtab(cxt, m->no_mtab);
}

/* Returns what mount(8) would exit with, after a message if there is one. */
static int mount_device(const struct mounting *m, const struct device *device)
{
	struct libmnt_context *cxt = mnt_new_context();
	char path[DEVNAME_SIZE], message[BUFSIZ] = "";
	int rc;

	devname_path(device->name, path);
	if (!cxt || set_up_context(cxt, m, path)) {
		mnt_free_context(cxt);
		warn("%s", m->dir);
		return EXIT_FAIL;
	}
	rc = mnt_context_mount(cxt);
	rc = mnt_context_get_excode(cxt, rc, message, sizeof(message));
	if (*message)
		warnx("%s: %s", m->dir, message);
	else if (rc)
		warnx("%s: mount of %s failed", m->dir, m->source);
	mnt_free_context(cxt);
	return rc;
}

static int mount_file(struct mounting *m)
{
	struct device device = { .fd = -1 };
	int rc = EXIT_FAIL;

	look_through_loop(m);
	if (find_part(m))
		return rc;
	if (m->fake)
		return EXIT_SUCCESS;
	signals_hold();
	if (!get_device(m, &device) && !signals_pending())
		rc = mount_device(m, &device);
	put_device(&device, rc);
	signals_release();
	return rc;
}

int main(int argc, char **argv)
{
	struct mounting m = { 0 };
	int rc;

	setlocale(LC_ALL, "");
	setvbuf(stderr, NULL, _IOLBF, BUFSIZ);
	argv[0] = program_invocation_short_name;
	parse_arguments(&m, argc, argv);
	loopdm_init();
	rc = mount_file(&m);
	loopdm_exit();
	free(m.options);
	free(m.part);
	return rc;
}
