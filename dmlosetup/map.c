// SPDX-License-Identifier: GPL-2.0-only
#include "map.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "backfile.h"
#include "devname.h"
#include "loopdm.h"
#include "size.h"
#include "status.h"
#include "util.h"

#define MAX_ROWS	16
#define MARGIN		8	/* for the position in front of a row */
#define MIN_WIDTH	16
#define DEFAULT_WIDTH	80
#define CELL_BYTES	4096	/* the least that a cell stands for */

/* A fragment that begins in a cell of written ones. */
#define FRAGMENT_SIGN	'+'

static const struct {
	char sign;
	const char *colour;
	const char *name;
	const char *help;
} kinds[NR_EXTENT_KINDS] = {
	[EXTENT_WRITTEN]   = { '#', "\033[32m", "written", "on the disk" },
	[EXTENT_UNWRITTEN] = { '-', "\033[36m", "unwritten",
			       "allocated, reads as zeroes" },
	[EXTENT_HOLE]	   = { '.', "\033[2m", "hole", "reads as zeroes" },
	[EXTENT_OTHER]	   = { '?', "\033[33m", "other",
			       "through the file only" },
};

struct picture {
	const struct loopdev *dev;
	struct extents list;
	uint64_t size;			/* bytes */
	uint64_t bytes[NR_EXTENT_KINDS];
	size_t fragments;
	bool has_status;		/* the target told: */
	struct status status;
};

/* What the target makes of it: how, and how much of it has been looked up. */
static void ask_target(struct picture *pic)
{
	char *params = NULL;

	pic->has_status = !loopdm_status(pic->dev->uuid, &params) &&
		!status_parse(params, &pic->status);
	free(params);
}

static uint64_t known_bytes(const struct picture *pic)
{
	return pic->status.value[STATUS_KNOWN] * SECTOR_SIZE;
}

static void count(struct picture *pic)
{
	const struct extent *e = pic->list.e, *end = e + pic->list.nr;

	for (; e < end; e++) {
		pic->bytes[e->kind] += e->length;
		pic->fragments += extent_is_fragment(e == pic->list.e ? NULL :
						     e - 1, e);
	}
}

/* ---- for people ---- */

static bool use_colour(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !getenv("NO_COLOR") && term &&
		strcmp(term, "dumb");
}

static size_t line_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize win;
	unsigned long width = columns ? strtoul(columns, NULL, 10) : 0;

	if (!width && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &win))
		width = win.ws_col;
	if (!width || width > 1000)
		width = DEFAULT_WIDTH;
	return width < MIN_WIDTH ? MIN_WIDTH : width;
}

/* Not more cells than there are blocks. */
static size_t choose_cells(uint64_t size, size_t width)
{
	uint64_t blocks = (size + CELL_BYTES - 1) / CELL_BYTES;
	size_t nr = MAX_ROWS * width;

	return blocks < nr ? blocks : nr;
}

static void put_cell(const struct map_cell *cell, bool colour)
{
	char sign = kinds[cell->kind].sign;

	if (cell->kind == EXTENT_WRITTEN && cell->fragment)
		sign = FRAGMENT_SIGN;
	if (colour)
		printf("%s%c\033[0m", kinds[cell->kind].colour, sign);
	else
		putchar(sign);
}

static void draw(const struct picture *pic, bool colour)
{
	size_t i, nr, width = line_width() - MARGIN - 1;
	struct map_cell *cells;
	char pos[SIZE_STRING];

	nr = choose_cells(pic->size, width);
	cells = xrealloc(NULL, nr * sizeof(*cells));
	map_cells(&pic->list, pic->size, cells, nr);
	for (i = 0; i < nr; i++) {
		if (i % width == 0) {
			size_format((unsigned __int128)pic->size * i / nr, pos);
			printf("%s%*s ", i ? "\n" : "", MARGIN, pos);
		}
		put_cell(&cells[i], colour);
	}
	putchar('\n');
	free(cells);
}

static void print_legend(const struct picture *pic, bool colour)
{
	char size[SIZE_STRING];
	int kind;

	for (kind = 0; kind < NR_EXTENT_KINDS; kind++) {
		const struct map_cell cell = { kind, false };

		size_format(pic->bytes[kind], size);
		printf("%*s", MARGIN + 1, "");
		put_cell(&cell, colour);
		printf(" %-9s %6s %3u%%  %s\n", kinds[kind].name, size,
		       (unsigned int)((unsigned __int128)pic->bytes[kind] *
				      100 / pic->size), kinds[kind].help);
	}
	printf("%*s%c a fragment begins\n", MARGIN + 1, "", FRAGMENT_SIGN);
	if (!pic->has_status)
		return;
	size_format(known_bytes(pic), size);
	printf("%*smode %s, %s of the file known\n", MARGIN + 1, "",
	       pic->status.mode, size);
}

static void print_picture(const struct picture *pic)
{
	bool colour = use_colour();
	char size[SIZE_STRING];

	size_format(pic->size, size);
	printf(DEV_MAPPER "%s: %s, %s, %zu fragment%s\n", pic->dev->name,
	       pic->dev->path, size, pic->fragments,
	       pic->fragments == 1 ? "" : "s");
	draw(pic, colour);
	print_legend(pic, colour);
}

/* ---- for machines ---- */

static void put_json_string(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else if ((unsigned char)*s < ' ')
			printf("\\u%04x", *s);
		else
			putchar(*s);
	}
	putchar('"');
}

static void print_json(const struct picture *pic)
{
	const struct extent *e = pic->list.e, *end = e + pic->list.nr;

	printf("{\n   \"name\": \"" DEV_MAPPER "%s\",\n   \"back-file\": ",
	       pic->dev->name);
	put_json_string(pic->dev->path);
	printf(",\n   \"offset\": %" PRIu64 ",\n   \"size\": %" PRIu64 ",\n"
	       "   \"fragments\": %zu,\n", pic->dev->offset, pic->size,
	       pic->fragments);
	if (pic->has_status)
		printf("   \"mode\": \"%s\",\n   \"known\": %" PRIu64 ",\n",
		       pic->status.mode, known_bytes(pic));
	else
		printf("   \"mode\": null,\n   \"known\": null,\n");
	printf("   \"ranges\": [");
	for (; e < end; e++) {
		printf("%s\n      {\"start\": %" PRIu64 ", \"length\": %" PRIu64
		       ", \"kind\": \"%s\", \"physical\": ",
		       e == pic->list.e ? "" : ",", e->start, e->length,
		       kinds[e->kind].name);
		if (e->kind == EXTENT_WRITTEN || e->kind == EXTENT_UNWRITTEN)
			printf("%" PRIu64 "}", e->physical);
		else
			printf("null}");
	}
	printf("\n   ]\n}\n");
}

/* ---- the file ---- */

/* Opens the file under @dev for reading. */
static int open_file(const struct loopdev *dev, const char **why)
{
	struct backfile file;
	char self[32];
	int rc, fd;

	if (!dev->path || strcmp(dev->target, TARGET_FASTLOOP)) {
		*why = "there is no regular file under it";
		return -EINVAL;
	}
	rc = backfile_reopen(&file, dev, why);
	if (rc)
		return rc;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", file.fd);
	fd = open(self, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	rc = -errno;
	backfile_close(&file);
	return fd < 0 ? rc : fd;
}

static int warn_map(const char *device, int rc, const char *why)
{
	if (why)
		warnx("%s: no map: %s (%s)", device, strerror(-rc), why);
	else
		warnx("%s: no map: %s", device, strerror(-rc));
	return -1;
}

static int show(const char *device, const struct loopdev *dev, bool json)
{
	struct picture pic = { .dev = dev, .size = dev->sectors * SECTOR_SIZE };
	const char *why;
	int fd, rc;

	if (!dev->active || !pic.size)
		return warn_map(device, -ENXIO, NULL);
	fd = open_file(dev, &why);
	if (fd < 0)
		return warn_map(device, fd, why);
	rc = extents_read(fd, dev->offset, pic.size, &pic.list);
	close(fd);
	if (rc) {
		warn_map(device, rc, "of its file");
	} else {
		count(&pic);
		ask_target(&pic);
		if (json)
			print_json(&pic);
		else
			print_picture(&pic);
	}
	extents_free(&pic.list);
	return rc ? -1 : 0;
}

int map_show(const char *device, bool json)
{
	char name[NAME_SIZE];
	struct loopdev dev;
	int rc;

	rc = devname_get(device, name, &dev);
	if (rc == -ENODEV)
		warn_device(device, rc);
	else if (rc)
		warn_map(device, rc, loopdm_reason());
	else
		rc = show(device, &dev, json);
	loopdev_free(&dev);
	return rc ? -1 : 0;
}
