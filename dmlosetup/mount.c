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
#include <limits.h>
#include <linux/loop.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "attach.h"
#include "backfile.h"
#include "devname.h"
#include "filelock.h"
#include "image_part.h"
#include "loopdm.h"
#include "nooverlap.h"
#include "size.h"
#include "sysfs.h"
#include "util.h"

/* As mount(8) has them. */
#define EXIT_USAGE	MNT_EX_USAGE
#define EXIT_FAIL	MNT_EX_FAIL

/* A device may go while it is looked at: how often, and how soon, to look again. */
#define LOOK_TRIES	40
#define LOOK_DELAY_MS	50

struct mounting {
	const char *source;	/* as it was given */
	const char *file;
	const char *dir;
	const char *type;	/* NULL: the one that is found */
	const char *namespace;	/* to mount in; NULL: ours */
	char *options;		/* for the file system */
	char *part;
	struct range range;	/* of the file */
	bool read_only, remount, fake, sloppy, no_mtab;
};

struct device {
	struct attached id;
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

/*
 * Ours are taken out, the others are kept for the file system. The list is cut into
 * its words.
 */
static void parse_options(struct mounting *m, char *list)
{
	size_t name_len, value_len;
	char *name, *value;

	while (!mnt_optstr_next_option(&list, &name, &name_len, &value,
				       &value_len)) {
		name[name_len] = '\0';
		if (value)
			value[value_len] = '\0';
		if (!strcmp(name, "ro"))
			m->read_only = true;
		else if (!strcmp(name, "rw"))
			m->read_only = false;
		else if (!strcmp(name, "remount"))
			m->remount = true;
		if (!take_option(m, name, value) &&
		    mnt_optstr_append_option(&m->options, name, value))
			err(EXIT_FAIL, NULL);
	}
	if (list && list[strspn(list, ",")])
		errx(EXIT_USAGE, "failed to parse options: '%s': %s", list,
		     strerror(EINVAL));
}

static void __attribute__((noreturn)) print_help(void)
{
	size_t i;

	printf("\nUsage:\n"
	       " mount -t fastloop [-o <options>] <file> <directory>\n"
	       " %s <file> <directory> [-fnsv] [-o <options>] "
	       "[-t fastloop.<type>]\n"
	       "                [-N <namespace>]\n"
	       "\nMount a file system from a file, through a fastloop device.\n"
	       "\nOptions for -o, beside those of the file system:\n",
	       program_invocation_short_name);
	for (i = 0; i < ARRAY_SIZE(options); i++)
		printf(" %s=%-*s %s\n", options[i].name,
		       (int)(20 - strlen(options[i].name)), options[i].arg,
		       options[i].help);
	printf("\nFor more details see mount.fastloop(8).\n");
	exit(flush_stdout() ? EXIT_FAIL : EXIT_SUCCESS);
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

	while ((c = getopt_long(argc, argv, "fhnN:o:st:vV", longs, NULL)) != -1) {
		switch (c) {
		case 'f': m->fake = true; break;
		case 'n': m->no_mtab = true; break;
		case 'N': m->namespace = optarg; break;
		case 'o': parse_options(m, optarg); break;
		case 's': m->sloppy = true; break;
		case 't': m->type = subtype(optarg); break;
		case 'v': break;
		case 'h': print_help();
		case 'V':
			printf("%s from dm-fastloop %s\n",
			       program_invocation_short_name, VERSION);
			exit(flush_stdout() ? EXIT_FAIL : EXIT_SUCCESS);
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

/* The file under the loop device that is open as @fd, if its path leads to it. */
static const char *loop_file(int fd, const struct loop_info64 *info)
{
	static char path[PATH_MAX];
	struct stat st;

	if (fstat(fd, &st) ||
	    !sysfs_loop_file(st.st_rdev, path, sizeof(path)) ||
	    stat(path, &st) || st.st_dev != info->lo_device ||
	    st.st_ino != info->lo_inode)
		return NULL;
	return path;
}

/*
 * mount(8) keeps offset= and sizelimit= for itself: it makes a loop device
 * first, whatever the type is, and calls us with that. It goes when mount(8)
 * does. What was meant is the file under it, if nobody has mounted or claimed
 * the device.
 */
static void look_through_loop(struct mounting *m)
{
	struct loop_info64 info;
	const char *file;
	uint64_t offset;
	int fd = open(m->source, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return;
	if (!ioctl(fd, LOOP_GET_STATUS64, &info) &&
	    info.lo_flags & LO_FLAGS_AUTOCLEAR) {
		file = loop_file(fd, &info);
		if (file && !__builtin_add_overflow(m->range.offset,
						    info.lo_offset, &offset)) {
			m->file = file;
			m->range.offset = offset;
			if (!m->range.size)
				m->range.size = info.lo_sizelimit;
		}
	}
	close(fd);
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

/* The very part of the file, and it can be used. @read_only: this is enough. */
static bool is_usable(const struct mounting *m, const struct loopdev *dev,
		      bool read_only)
{
	return dev->ident.offset == m->range.offset &&
		dev->ident.sizelimit == m->range.size &&
		(!dev->read_only || read_only);
}

/*
 * Are there bytes that one of the two could change under the other? What was
 * asked for counts, and not today's size: the device may grow with its file.
 */
static bool is_in_the_way(const struct mounting *m, const struct loopdev *dev,
			  bool read_only)
{
	return !(dev->read_only && read_only) &&
		ranges_overlap(dev->ident.offset, dev->ident.sizelimit,
			       m->range.offset, m->range.size);
}

static int warn_in_the_way(const struct mounting *m, const struct loopdev *dev)
{
	if (is_usable(m, dev, true))
		warnx("%s: " DEV_MAPPER "%s, which is the same part of it, is "
		      "read-only", m->file, dev->name);
	else
		warnx("%s: overlaps what " DEV_MAPPER "%s has of it", m->file,
		      dev->name);
	return -1;
}

/* Of all devices on the file. Returns 1 with one in @device, 0, or -1. */
static int choose_device(const struct mounting *m, const struct loopdev *devs,
			 size_t nr, bool read_only, struct device *device)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		if (!is_usable(m, &devs[i], read_only))
			continue;
		strcpy(device->id.name, devs[i].name);
		strcpy(device->id.uuid, devs[i].uuid);
		/* Who made it may still be waiting for that. */
		loopdm_wait_for_node(devs[i].name, devs[i].devno);
		return 1;
	}
	for (i = 0; i < nr; i++)
		if (is_in_the_way(m, &devs[i], read_only))
			return warn_in_the_way(m, &devs[i]);
	return 0;
}

/*
 * The same part of a file twice, as two devices, is two file systems in one
 * place. So the same device is taken again, and then the kernel knows that it
 * is one. Returns 1 if there is such a device, 0, or -1 after a message.
 */
static int find_device(const struct mounting *m, struct device *device)
{
	struct backfile file;
	struct loopdev *devs;
	size_t nr;
	int rc;

	/* What is wrong with it, those say who make devices. */
	if (backfile_open(&file, m->file, m->read_only))
		return 0;
	rc = nooverlap_list(&file.st, &devs, &nr);
	if (rc)
		warnx("%s: failed to inspect its devices: %s", m->file,
		      strerror(-rc));
	else
		rc = choose_device(m, devs, nr, file.read_only, device);
	loopdm_list_free(devs, nr);
	backfile_close(&file);
	return rc;
}

/* It is open before it is live: killed at whatever place, we leave none that is. */
static int make_device(const struct mounting *m, struct device *device)
{
	const struct attach setup = {
		.file = m->file,
		.offset = m->range.offset,
		.sizelimit = m->range.size,
		.read_only = m->read_only,
		.overlap = true,	/* find_device() has looked */
		.made = &device->id,
		.hold = &device->fd,
	};

	if (attach_file(&setup))
		return -1;
	device->is_new = true;
	return 0;
}

/* -ENXIO: the one that was found has gone, whatever has its node now. */
static int open_device(struct device *device, const char *path)
{
	struct stat st;

	device->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (device->fd < 0)
		return errno == ENOENT ? -ENXIO : -errno;
	if (fstat(device->fd, &st))
		return -errno;
	return sysfs_is_dm(st.st_rdev, device->id.uuid) ? 0 : -ENXIO;
}

static bool is_node_of(const char *path, int fd)
{
	struct stat node, device;

	return !stat(path, &node) && !fstat(fd, &device) &&
		node.st_rdev == device.st_rdev;
}

/*
 * From now on, if not before, it goes when the last one closes it: at best,
 * umount(8). If not even this can be told it, it is removed here.
 */
static int keep_open(struct device *device, bool again)
{
	char path[DEVNAME_SIZE];
	int rc;

	devname_path(device->id.name, path);
	if (device->fd >= 0) {
		rc = is_node_of(path, device->fd) ? 0 : -ENXIO;
	} else {
		rc = open_device(device, path);
		if (!rc && device->is_new)
			rc = loopdm_remove_at_close(device->id.uuid);
	}
	if (rc && (rc != -ENXIO || !again))
		warnx("%s: %s", path, strerror(-rc));
	return rc;
}

/* After a failure it is gone when we are, and not a little later. */
static void put_device(const struct device *device, bool failed)
{
	struct stat st = { 0 };
	int tries = 20;

	if (device->fd >= 0) {
		fstat(device->fd, &st);
		close(device->fd);
	}
	if (!failed || !device->is_new)
		return;
	/* udev may be looking at it, or the kernel be about to remove it. */
	while ((loopdm_remove(device->id.name, device->id.uuid) == -EBUSY ||
		sysfs_is_dm(st.st_rdev, device->id.uuid)) && tries--)
		sleep_ms(50);
	loopdm_wait_for_node(device->id.name, 0);
}

static int get_device(const struct mounting *m, struct device *device)
{
	int rc, tries = LOOK_TRIES;

	for (;;) {
		rc = find_device(m, device);
		if (!rc)
			rc = make_device(m, device);
		if (rc < 0)
			return rc;
		rc = keep_open(device, --tries);
		if (rc != -ENXIO || !tries || signals_pending())
			return rc;
		put_device(device, true);
		*device = (struct device){ .fd = -1 };
		sleep_ms(LOOK_DELAY_MS);
	}
}

/* ---- mounting ---- */

static int set_up_context(struct libmnt_context *cxt, const struct mounting *m,
			  const char *path)
{
	return mnt_context_set_source(cxt, path) ||
		mnt_context_set_target(cxt, m->dir) ||
		(m->type && mnt_context_set_fstype(cxt, m->type)) ||
		(m->options && mnt_context_set_options(cxt, m->options)) ||
		(m->namespace &&
		 mnt_context_set_target_ns(cxt, m->namespace)) ||
		mnt_context_enable_sloppy(cxt, m->sloppy) ||
		mnt_context_disable_mtab(cxt, m->no_mtab);
}

/*
 * Is that file system, all of it, what one sees in the directory, and as it is
 * wanted? mount(2) refuses it a second time there, which is what "mount -a" asks
 * for as often as it is called.
 */
static bool is_mounted(const struct mounting *m, const struct device *device)
{
	struct libmnt_table *mounts;
	struct libmnt_fs *fs = NULL;
	struct stat node, dir;
	struct statvfs flags;
	char *path;
	bool is;

	if (m->namespace || fstat(device->fd, &node) || stat(m->dir, &dir) ||
	    dir.st_dev != node.st_rdev || statvfs(m->dir, &flags) ||
	    (flags.f_flag & ST_RDONLY && !m->read_only))
		return false;
	mounts = mnt_new_table_from_file("/proc/self/mountinfo");
	path = realpath(m->dir, NULL);
	if (mounts && path)
		fs = mnt_table_find_target(mounts, path, MNT_ITER_BACKWARD);
	is = fs && mnt_fs_get_devno(fs) == node.st_rdev &&
		mnt_fs_get_root(fs) && !strcmp(mnt_fs_get_root(fs), "/");
	mnt_unref_table(mounts);
	free(path);
	return is;
}

/*
 * Returns what mount(8) would exit with, after a message if there is one. No
 * @device: a remount.
 */
static int mount_device(const struct mounting *m, const char *path,
			const struct device *device)
{
	struct libmnt_context *cxt = mnt_new_context();
	char message[BUFSIZ] = "";
	int rc;

	if (!cxt || set_up_context(cxt, m, path)) {
		mnt_free_context(cxt);
		warn("%s", m->dir);
		return EXIT_FAIL;
	}
	rc = mnt_context_mount(cxt);
	rc = mnt_context_get_excode(cxt, rc, message, sizeof(message));
	if (rc && device && mnt_context_syscall_called(cxt) &&
	    mnt_context_get_syscall_errno(cxt) == EBUSY && is_mounted(m, device))
		rc = EXIT_SUCCESS;
	else if (*message)
		warnx("%s: %s: %s", m->dir, m->file, message);
	else if (rc)
		warnx("%s: mount of %s failed", m->dir, m->source);
	mnt_free_context(cxt);
	return rc;
}

/* What is mounted on the directory already; to be freed. */
static char *mounted_device(const char *dir)
{
	struct libmnt_table *mounts =
		mnt_new_table_from_file("/proc/self/mountinfo");
	char *path = realpath(dir, NULL), *source = NULL;
	struct libmnt_fs *fs = NULL;

	if (mounts && path)
		fs = mnt_table_find_target(mounts, path, MNT_ITER_BACKWARD);
	if (fs && mnt_fs_get_source(fs))
		source = xstrdup(mnt_fs_get_source(fs));
	mnt_unref_table(mounts);
	free(path);
	return source;
}

/* The device stays as it is, and so does what is not an option of the mount. */
static int remount(const struct mounting *m)
{
	char *source = mounted_device(m->dir);
	int rc = EXIT_FAIL;

	if (source)
		rc = m->fake ? EXIT_SUCCESS : mount_device(m, source, NULL);
	else
		warnx("%s: not mounted", m->dir);
	free(source);
	return rc;
}

/*
 * The lock lasts until the device is found or made, and open: of two who mount
 * the same file at once the second finds what the first has made.
 */
static int mount_file(struct mounting *m)
{
	struct device device = { .fd = -1 };
	char path[DEVNAME_SIZE];
	int lock, rc = EXIT_FAIL;
	bool ready;

	look_through_loop(m);
	if (find_part(m))
		return rc;
	if (m->fake)
		return EXIT_SUCCESS;
	if (filelock_take_path(m->file, &lock))
		return rc;
	signals_hold();
	ready = !get_device(m, &device);
	filelock_release(lock);
	if (ready) {
		/*
		 * From here on the device goes when we do, and what libmount runs
		 * is to hear signals as if mount(8) had run it.
		 */
		signals_release();
		devname_path(device.id.name, path);
		rc = mount_device(m, path, &device);
		signals_hold();
	}
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
	rc = m.remount ? remount(&m) : mount_file(&m);
	loopdm_exit();
	free(m.options);
	free(m.part);
	return rc;
}
