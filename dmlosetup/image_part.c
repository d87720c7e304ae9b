// SPDX-License-Identifier: GPL-2.0-only
#include "image_part.h"

#include <blkid.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "table.h"
#include "util.h"

/* What a partition is looked for by. */
struct wanted {
	int number;		/* 0: by a tag */
	const char *tag;	/* "LABEL=" and so on */
	const char *value;
};

/* The same order in which --help and the man page have them. */
static const char *const tags[] = {
	"PARTLABEL=", "PARTUUID=", "LABEL=", "UUID=",
};

static bool parse_wanted(const char *which, struct wanted *want)
{
	unsigned long number;
	size_t i, n;
	char *end;

	*want = (struct wanted){ .number = 0 };
	/* strtoul() would take blanks and a sign. */
	if (isdigit((unsigned char)*which)) {
		number = strtoul(which, &end, 10);
		want->number = number;
		return number && number <= INT_MAX && !*end;
	}
	for (i = 0; i < ARRAY_SIZE(tags); i++) {
		n = strlen(tags[i]);
		if (strncmp(which, tags[i], n))
			continue;
		want->tag = tags[i];
		want->value = which + n;
		return *want->value;
	}
	return false;
}

/* A UUID may be written either way. */
static bool is_equal(const struct wanted *want, const char *value)
{
	if (!value)
		return false;
	return strstr(want->tag, "UUID") ? !strcasecmp(value, want->value) :
					   !strcmp(value, want->value);
}

/* Where @part of what is in @outer is. Returns false if that is outside of it. */
static bool range_of(blkid_partition part, const struct range *outer,
		     struct range *range)
{
	uint64_t start, size;

	/* libblkid counts in these, whatever the disk has. */
	if (__builtin_mul_overflow((uint64_t)blkid_partition_get_start(part),
				   SECTOR_SIZE, &start) ||
	    __builtin_mul_overflow((uint64_t)blkid_partition_get_size(part),
				   SECTOR_SIZE, &size) ||
	    __builtin_add_overflow(outer->offset, start, &range->offset) ||
	    range->offset > UINT64_MAX - size ||
	    (outer->size && (start > outer->size || size > outer->size - start)))
		return false;
	range->size = size;
	return size;
}

/* The file system's, with the superblock read from @range of @fd. */
static bool has_tag(int fd, const struct range *range,
		    const struct wanted *want)
{
	blkid_probe pr = blkid_new_probe();
	const char *value = NULL;
	char name[8];
	bool found;

	if (!pr)
		return false;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(want->tag, "="),
		 want->tag);
	found = !blkid_probe_set_device(pr, fd, range->offset, range->size) &&
		!blkid_do_safeprobe(pr) &&
		!blkid_probe_lookup_value(pr, name, &value, NULL) &&
		is_equal(want, value);
	blkid_free_probe(pr);
	return found;
}

static bool is_wanted(int fd, blkid_partition part, const struct range *outer,
		      const struct wanted *want)
{
	struct range range;

	if (want->number)
		return blkid_partition_get_partno(part) == want->number;
	if (!strcmp(want->tag, "PARTLABEL="))
		return is_equal(want, blkid_partition_get_name(part));
	if (!strcmp(want->tag, "PARTUUID="))
		return is_equal(want, blkid_partition_get_uuid(part));
	return range_of(part, outer, &range) && has_tag(fd, &range, want);
}

/* Of several that fit the first is taken, as mount(8) does it. */
static const char *search(int fd, blkid_partlist list,
			  const struct wanted *want, struct range *range)
{
	int i, nr = blkid_partlist_numof_partitions(list);
	const struct range outer = *range;
	blkid_partition part;

	for (i = 0; i < nr; i++) {
		part = blkid_partlist_get_partition(list, i);
		if (!is_wanted(fd, part, range, want))
			continue;
		if (blkid_partition_is_extended(part))
			return "an extended partition has no data";
		if (!range_of(part, &outer, range))
			return "the partition is outside of the size limit";
		return NULL;
	}
	return "there is no such partition";
}

/* Images of disks with sectors of 4096 bytes look no different from outside. */
static blkid_partlist read_table(blkid_probe pr, int fd,
				 const struct range *range)
{
	static const unsigned int sizes[] = { 0, 4096 };
	blkid_partlist list = NULL;
	size_t i;

	for (i = 0; !list && i < ARRAY_SIZE(sizes); i++) {
		if (blkid_probe_set_device(pr, fd, range->offset,
					   range->size))
			return NULL;
		if (sizes[i])
			blkid_probe_set_sectorsize(pr, sizes[i]);
		list = blkid_probe_get_partitions(pr);
		if (list && !blkid_partlist_numof_partitions(list))
			list = NULL;
	}
	return list;
}

static const char *find(int fd, const struct wanted *want,
			struct range *range)
{
	blkid_probe pr = blkid_new_probe();
	blkid_partlist list;
	const char *why;

	if (!pr)
		return strerror(ENOMEM);
	blkid_probe_enable_partitions(pr, 1);
	list = read_table(pr, fd, range);
	why = list ? search(fd, list, want, range) :
		     "there is no partition table";
	blkid_free_probe(pr);
	return why;
}

const char *image_part_find(const char *path, const char *which,
			    struct range *range)
{
	struct wanted want;
	const char *why;
	int fd;

	if (!parse_wanted(which, &want))
		return "not a number, PARTLABEL=, PARTUUID=, LABEL= or UUID=";
	/* For reading: nobody's lease is recalled. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return strerror(errno);
	why = find(fd, &want, range);
	close(fd);
	return why;
}
