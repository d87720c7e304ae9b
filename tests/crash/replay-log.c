// SPDX-License-Identifier: GPL-2.0-only
/*
 * replay-log: what a log of dm-log-writes holds, written to a device.
 *
 * The format is in the kernel's Documentation/admin-guide/device-mapper/
 * log-writes.rst and drivers/md/dm-log-writes.c: a super block in the first
 * sector, then entry after entry, each a sector that describes it and the
 * data. Plain writes are logged when a flush has made them durable, right
 * before that flush; FUA writes when they are complete. So the device as of
 * any entry is one that a power cut at that time could have left.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <err.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
"usage: replay-log LOG                          list the points: NUMBER KIND [MARK]\n"
"       replay-log LOG DEVICE FROM TO [SEED]    write entries FROM up to before TO\n"
"A point is the number of the entry after a flush, a FUA write or a mark. With a\n"
"SEED only some of the plain writes are written, as a disk's cache may do it.\n";

#define MAGIC 0x6a736677736872ull
#define FLUSH 1
#define FUA 2
#define DISCARD 4
#define MARK 8

struct super {
	uint64_t magic, version, nr_entries;
	uint32_t sectorsize;
};

struct entry {
	uint64_t sector, nr_sectors, flags, data_len;
};

static int log_fd, dev_fd = -1;
static uint64_t nr_entries, sector_size;
static unsigned char *buf;
static size_t buf_size = 1 << 20;

static void *aligned(size_t size)
{
	void *p;

	if (posix_memalign(&p, 4096, size))
		err(1, "memory");
	return p;
}

static void read_log(void *to, size_t len, uint64_t pos)
{
	if (pread(log_fd, to, len, pos) != (ssize_t)len)
		err(1, "log at %llu", (unsigned long long)pos);
}

static void open_log(const char *path)
{
	struct super *super = aligned(4096);

	log_fd = open(path, O_RDONLY | O_DIRECT);
	if (log_fd < 0)
		err(1, "%s", path);
	read_log(super, 4096, 0);
	if (le64toh(super->magic) != MAGIC || le64toh(super->version) != 1)
		errx(1, "%s is no log of dm-log-writes", path);
	nr_entries = le64toh(super->nr_entries);
	sector_size = le32toh(super->sectorsize);
	free(super);
}

static void write_entry(const struct entry *entry, uint64_t pos)
{
	size_t len = entry->nr_sectors * sector_size;

	if (len > buf_size) {
		free(buf);
		buf_size = len;
		buf = aligned(buf_size);
	}
	read_log(buf, len, pos);
	if (pwrite(dev_fd, buf, len, entry->sector * sector_size) != (ssize_t)len)
		err(1, "sector %llu", (unsigned long long)entry->sector);
}

static void print_point(uint64_t nr, const struct entry *entry, const char *mark)
{
	if (entry->flags & MARK)
		printf("%llu mark %.*s\n", (unsigned long long)nr + 1,
		       (int)entry->data_len, mark);
	else if (entry->flags & (FLUSH | FUA))
		printf("%llu %s\n", (unsigned long long)nr + 1,
		       entry->flags & FLUSH ? "flush" : "fua");
}

static bool chosen(const struct entry *entry, bool some)
{
	/* A discard promises nothing of what is read later. */
	if (!entry->nr_sectors || entry->flags & (MARK | DISCARD))
		return false;
	return !some || entry->flags & FUA || random() & 1;
}

static void walk(uint64_t from, uint64_t to, bool some)
{
	unsigned char *head = aligned(4096);
	uint64_t nr, pos = sector_size;
	struct entry entry;

	for (nr = 0; nr < to && nr < nr_entries; nr++) {
		read_log(head, sector_size, pos);
		memcpy(&entry, head, sizeof(entry));
		entry.sector = le64toh(entry.sector);
		entry.nr_sectors = le64toh(entry.nr_sectors);
		entry.flags = le64toh(entry.flags);
		entry.data_len = le64toh(entry.data_len);
		pos += sector_size;
		if (dev_fd < 0)
			print_point(nr, &entry, (char *)head + sizeof(entry));
		else if (nr >= from && chosen(&entry, some))
			write_entry(&entry, pos);
		if (!(entry.flags & DISCARD))
			pos += entry.nr_sectors * sector_size;
	}
	if (dev_fd >= 0 && to > nr_entries)
		errx(1, "the log ends at %llu", (unsigned long long)nr_entries);
}

int main(int argc, char **argv)
{
	if (argc != 2 && argc != 5 && argc != 6)
		errx(2, "%s", usage);
	open_log(argv[1]);
	buf = aligned(buf_size);
	if (argc == 2) {
		walk(0, nr_entries, false);
		return 0;
	}
	dev_fd = open(argv[2], O_WRONLY | O_DIRECT);
	if (dev_fd < 0)
		err(1, "%s", argv[2]);
	if (argc == 6)
		srandom(atoi(argv[5]));
	walk(strtoull(argv[3], NULL, 0), strtoull(argv[4], NULL, 0), argc == 6);
	return 0;
}
