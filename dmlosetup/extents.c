// SPDX-License-Identifier: GPL-2.0-only
#include "extents.h"

#include <errno.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "util.h"

#define NR_AT_ONCE	512

/* Where the device's first byte is, and its end, in the file. */
struct window {
	uint64_t start, end;
};

static bool has_place(enum extent_kind kind)
{
	return kind == EXTENT_WRITTEN || kind == EXTENT_UNWRITTEN;
}

void extents_add(struct extents *list, const struct extent *e)
{
	struct extent *last = list->nr ? &list->e[list->nr - 1] : NULL;

	if (last && last->kind == e->kind && (!has_place(e->kind) ||
	    last->physical + last->length == e->physical)) {
		last->length += e->length;
		return;
	}
	/* Room is doubled whenever it is full, at each power of two. */
	if (!(list->nr & (list->nr - 1)))
		list->e = xrealloc(list->e, (list->nr ? 2 * list->nr : 1) *
					    sizeof(*list->e));
	list->e[list->nr++] = *e;
}

void extents_free(struct extents *list)
{
	free(list->e);
	list->e = NULL;
	list->nr = 0;
}

bool extent_is_fragment(const struct extent *before, const struct extent *e)
{
	if (e->kind != EXTENT_WRITTEN)
		return false;
	return !before || !has_place(before->kind) ||
		before->physical + before->length != e->physical;
}

/* What of the file's [@start, @end) is in the window. */
static void add_clipped(struct extents *list, const struct window *win,
			uint64_t start, uint64_t end, uint64_t physical,
			enum extent_kind kind)
{
	struct extent e = { .kind = kind };
	uint64_t from = start < win->start ? win->start : start;

	if (end > win->end)
		end = win->end;
	if (from >= end)
		return;
	e.start = from - win->start;
	e.length = end - from;
	if (has_place(kind))
		e.physical = physical + (from - start);
	extents_add(list, &e);
}

static enum extent_kind kind_of(uint32_t flags)
{
	const uint32_t other = FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DELALLOC |
		FIEMAP_EXTENT_ENCODED | FIEMAP_EXTENT_DATA_ENCRYPTED |
		FIEMAP_EXTENT_NOT_ALIGNED | FIEMAP_EXTENT_DATA_INLINE |
		FIEMAP_EXTENT_DATA_TAIL | FIEMAP_EXTENT_SHARED;

	if (flags & other)
		return EXTENT_OTHER;
	return flags & FIEMAP_EXTENT_UNWRITTEN ? EXTENT_UNWRITTEN :
						 EXTENT_WRITTEN;
}

/* Returns where to go on, which is the end of the window at last. */
static uint64_t add_fiemap(struct extents *list, const struct window *win,
			   const struct fiemap *map, uint64_t pos)
{
	const struct fiemap_extent *fe = map->fm_extents;
	const struct fiemap_extent *end = fe + map->fm_mapped_extents;
	uint64_t fe_end, begin = pos;
	bool last = false;

	for (; fe < end; fe++) {
		fe_end = fe->fe_logical + fe->fe_length;
		if (fe->fe_logical > pos)
			add_clipped(list, win, pos, fe->fe_logical, 0,
				    EXTENT_HOLE);
		/* The first one may begin before where we asked. */
		if (fe_end <= pos)
			continue;
		add_clipped(list, win, fe->fe_logical < pos ? pos :
			    fe->fe_logical, fe_end, fe->fe_physical +
			    (fe->fe_logical < pos ? pos - fe->fe_logical : 0),
			    kind_of(fe->fe_flags));
		pos = fe_end;
		last = fe->fe_flags & FIEMAP_EXTENT_LAST;
	}
	/* No step forward: there is nothing more. */
	if (!last && pos > begin && pos < win->end)
		return pos;
	add_clipped(list, win, pos, win->end, 0, EXTENT_HOLE);
	return win->end;
}

static int read_fiemap(int fd, const struct window *win, struct extents *list)
{
	const size_t size = sizeof(struct fiemap) +
		NR_AT_ONCE * sizeof(struct fiemap_extent);
	struct fiemap *map = xrealloc(NULL, size);
	uint64_t pos = win->start;
	int rc = 0;

	while (pos < win->end) {
		memset(map, 0, size);
		map->fm_start = pos;
		map->fm_length = win->end - pos;
		map->fm_extent_count = NR_AT_ONCE;
		if (ioctl(fd, FS_IOC_FIEMAP, map)) {
			rc = -errno;
			break;
		}
		pos = add_fiemap(list, win, map, pos);
	}
	free(map);
	return rc;
}

/* Data that has no place to tell, or nothing. */
static int read_seek(int fd, const struct window *win, struct extents *list)
{
	uint64_t pos = win->start;
	off_t data, hole;

	while (pos < win->end) {
		data = lseek(fd, pos, SEEK_DATA);
		if (data < 0 && errno != ENXIO)
			return -errno;
		hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
		/* No step forward is none that can be believed. */
		if (data < 0 || hole <= data)
			data = hole = win->end;
		add_clipped(list, win, pos, data, 0, EXTENT_HOLE);
		add_clipped(list, win, data, hole, 0, EXTENT_OTHER);
		pos = hole;
	}
	return 0;
}

int extents_read(int fd, uint64_t offset, uint64_t length,
		 struct extents *list)
{
	const struct window win = { offset, offset + length };
	int rc;

	*list = (struct extents){ NULL, 0 };
	rc = read_fiemap(fd, &win, list);
	if (rc == -EOPNOTSUPP || rc == -ENOTTY)
		rc = read_seek(fd, &win, list);
	return rc;
}
