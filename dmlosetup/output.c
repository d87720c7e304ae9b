// SPDX-License-Identifier: GPL-2.0-only
#include "output.h"

#include <ctype.h>
#include <err.h>
#include <inttypes.h>
#include <libsmartcols.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "devname.h"
#include "partitions.h"
#include "sysfs.h"
#include "users.h"
#include "util.h"

struct column {
	const char *name;
	double width;		/* as libsmartcols wants it */
	int flags;
	int json_type;
	bool is_default;
	const char *help;
	char *(*get)(const struct loopdev *dev);	/* NULL: unknown */
};

static char *get_number(uint64_t n)
{
	return xasprintf("%" PRIu64, n);
}

static char *get_devno(unsigned int major, unsigned int minor)
{
	return xasprintf("%u:%u", major, minor);
}

static char *get_bool(bool b)
{
	return xstrdup(b ? "1" : "0");
}

static char *get_name(const struct loopdev *dev)
{
	char path[DEVNAME_SIZE];

	devname_path(dev->name, path);
	return xstrdup(path);
}

static char *get_autoclear(const struct loopdev *dev)
{
	return dev->has_info ? get_bool(dev->deferred) : NULL;
}

static char *get_back_file(const struct loopdev *dev)
{
	return dev->path ? xstrdup(dev->path) : NULL;
}

static char *get_back_ino(const struct loopdev *dev)
{
	return dev->has_ident ? get_number(dev->ident.inode) : NULL;
}

static char *get_back_majmin(const struct loopdev *dev)
{
	return dev->has_ident ?
		get_devno(dev->ident.major, dev->ident.minor) : NULL;
}

static char *get_back_maj(const struct loopdev *dev)
{
	return dev->has_ident ? get_number(dev->ident.major) : NULL;
}

static char *get_back_min(const struct loopdev *dev)
{
	return dev->has_ident ? get_number(dev->ident.minor) : NULL;
}

static char *get_maj(const struct loopdev *dev)
{
	return get_number(major(dev->devno));
}

static char *get_min(const struct loopdev *dev)
{
	return get_number(minor(dev->devno));
}

/* As with losetup, that is the name of the file where nobody gave another. */
static char *get_ref(const struct loopdev *dev)
{
	const char *ref = *dev->ident.ref ? dev->ident.ref : dev->path;

	return ref ? xasprintf("%.*s", REF_SIZE - 1, ref) : NULL;
}

static char *get_majmin(const struct loopdev *dev)
{
	return get_devno(major(dev->devno), minor(dev->devno));
}

static char *get_offset(const struct loopdev *dev)
{
	return get_number(dev->offset);
}

static char *get_partscan(const struct loopdev *dev)
{
	return get_bool((dev->has_ident &&
			 dev->ident.flags & IDENT_PARTSCAN) ||
			partitions_exist(dev));
}

static char *get_ro(const struct loopdev *dev)
{
	return get_bool(dev->read_only);
}

static char *get_sizelimit(const struct loopdev *dev)
{
	return dev->has_ident ? get_number(dev->ident.sizelimit) : NULL;
}

/* The page cache is never between us and the file. */
static char *get_dio(const struct loopdev *dev __attribute__((unused)))
{
	return get_bool(true);
}

static char *get_log_sec(const struct loopdev *dev)
{
	unsigned int size = sysfs_logical_block_size(dev->devno);

	return size ? get_number(size) : NULL;
}

static char *get_used_by(const struct loopdev *dev)
{
	return users_of(dev->devno);
}

#define RIGHT	SCOLS_FL_RIGHT
#define BOOL	SCOLS_JSON_BOOLEAN
#define NUMBER	SCOLS_JSON_NUMBER
#define STRING	SCOLS_JSON_STRING

/* The default ones in their order; --output-all prints all as they stand. */
static const struct column infos[] = {
	{ "NAME", 0.25, 0, STRING, true,
	  "loop device name", get_name },
	{ "SIZELIMIT", 5, RIGHT, NUMBER, true,
	  "size limit of the file in bytes", get_sizelimit },
	{ "OFFSET", 5, RIGHT, NUMBER, true,
	  "offset from the beginning", get_offset },
	{ "AUTOCLEAR", 1, RIGHT, BOOL, true,
	  "device goes away at its last close", get_autoclear },
	{ "RO", 1, RIGHT, BOOL, true,
	  "read-only device", get_ro },
	{ "BACK-FILE", 0.3, 0, STRING, true,
	  "device backing file", get_back_file },
	{ "DIO", 1, RIGHT, BOOL, true,
	  "access backing file with direct-io (always)", get_dio },
	{ "LOG-SEC", 4, RIGHT, NUMBER, true,
	  "logical sector size in bytes", get_log_sec },
	{ "BACK-INO", 4, RIGHT, NUMBER, false,
	  "backing file inode number", get_back_ino },
	{ "BACK-MAJ:MIN", 6, 0, STRING, false,
	  "backing file major:minor device number", get_back_majmin },
	{ "BACK-MAJ", 6, 0, STRING, false,
	  "backing file major device number", get_back_maj },
	{ "BACK-MIN", 6, 0, STRING, false,
	  "backing file minor device number", get_back_min },
	{ "MAJ:MIN", 3, 0, STRING, false,
	  "loop device major:minor number", get_majmin },
	{ "MAJ", 1, RIGHT, NUMBER, false,
	  "loop device major number", get_maj },
	{ "MIN", 1, RIGHT, NUMBER, false,
	  "loop device minor number", get_min },
	{ "PARTSCAN", 1, RIGHT, BOOL, false,
	  "partitions are mapped, or were to be", get_partscan },
	{ "REF", 0.1, 0, STRING, false,
	  "loop device reference string", get_ref },
	{ "USED-BY", 0.2, 0, STRING, false,
	  "mounts, devices and processes that keep it", get_used_by },
};

_Static_assert(ARRAY_SIZE(infos) <= MAX_COLUMNS / 2, "--output=+... fits");

static int find_column(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(infos); i++)
		if (strlen(infos[i].name) == len &&
		    !strncasecmp(infos[i].name, name, len))
			return i;
	return -1;
}

static void choose_columns(struct output *out, bool all)
{
	size_t i;

	out->nr_columns = 0;
	for (i = 0; i < ARRAY_SIZE(infos); i++)
		if (all || infos[i].is_default)
			out->columns[out->nr_columns++] = i;
}

void output_default_columns(struct output *out)
{
	choose_columns(out, false);
}

void output_all_columns(struct output *out)
{
	choose_columns(out, true);
}

int output_parse_columns(struct output *out, const char *list)
{
	size_t len;
	int id;

	if (*list == '+')
		list++;
	else
		out->nr_columns = 0;
	for (;; list += len + 1) {
		len = strcspn(list, ",");
		id = find_column(list, len);
		if (id < 0) {
			warnx("unknown column: %.*s", (int)len, list);
			return -1;
		}
		if (out->nr_columns == MAX_COLUMNS) {
			warnx("too many columns");
			return -1;
		}
		out->columns[out->nr_columns++] = id;
		if (!list[len])
			return 0;
	}
}

void output_help(FILE *f)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(infos); i++)
		fprintf(f, " %12s  %s\n", infos[i].name, infos[i].help);
}

static int add_columns(struct libscols_table *tb, const struct output *out)
{
	const struct column *info;
	struct libscols_column *cl;
	size_t i;

	for (i = 0; i < out->nr_columns; i++) {
		info = &infos[out->columns[i]];
		cl = scols_table_new_column(tb, info->name, info->width,
					    info->flags);
		if (!cl || scols_column_set_json_type(cl, info->json_type))
			return -1;
	}
	return 0;
}

static int add_line(struct libscols_table *tb, const struct output *out,
		    const struct loopdev *dev)
{
	struct libscols_line *ln = scols_table_new_line(tb, NULL);
	char *data;
	size_t i;

	if (!ln)
		return -1;
	for (i = 0; i < out->nr_columns; i++) {
		data = infos[out->columns[i]].get(dev);
		/* The line frees it. */
		if (data && scols_line_refer_data(ln, i, data))
			return -1;
	}
	return 0;
}

static int print_table(const struct output *out, const struct loopdev *devs,
		       size_t nr)
{
	struct libscols_table *tb = scols_new_table();
	int rc = -1;
	size_t i;

	if (!tb)
		return -1;
	scols_table_enable_raw(tb, out->raw);
	scols_table_enable_json(tb, out->json);
	scols_table_enable_noheadings(tb, out->no_headings);
	if (scols_table_set_name(tb, "loopdevices") || add_columns(tb, out))
		goto unref;
	for (i = 0; i < nr; i++)
		if (add_line(tb, out, &devs[i]))
			goto unref;
	rc = scols_print_table(tb);
unref:
	scols_unref_table(tb);
	return rc;
}

/* One device is one line, whatever its file is called. */
static void print_path(const char *path)
{
	for (; *path; path++) {
		if (iscntrl((unsigned char)*path))
			printf("\\x%02x", (unsigned char)*path);
		else
			putchar(*path);
	}
}

static void print_old(const struct loopdev *dev)
{
	const struct ident *id = &dev->ident;

	printf(DEV_MAPPER "%s: ", dev->name);
	if (dev->has_ident)
		printf("[%04" PRIu64 "]:%" PRIu64,
		       (uint64_t)makedev(id->major, id->minor), id->inode);
	else
		printf("[]:");
	printf(" (");
	print_path(dev->path ? dev->path : "");
	putchar(')');
	if (dev->offset)
		printf(", offset %" PRIu64, dev->offset);
	if (dev->has_ident && id->sizelimit)
		printf(", sizelimit %" PRIu64, id->sizelimit);
	putchar('\n');
}

int output_devices(const struct output *out, const struct loopdev *devs,
		   size_t nr)
{
	size_t i;

	if (out->list) {
		if (!print_table(out, devs, nr))
			return 0;
		warnx("failed to print the table");
		return -1;
	}
	for (i = 0; i < nr; i++)
		print_old(&devs[i]);
	return 0;
}
