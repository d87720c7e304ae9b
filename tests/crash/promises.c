// SPDX-License-Identifier: GPL-2.0-only
/*
 * promises: writes to a device that is going to lose its power, and keeps a
 * ledger of what it was promised; and looks later whether that was kept.
 *
 * Every promise (a flush that returned; a FUA write that did) is a mark in the
 * log of dm-log-writes under the file. Between two marks, a sector may hold
 * anything from what was promised at the first one to what was issued before
 * the second one, and never anything else.
 *
 * The log has FUA writes before plain ones that were complete earlier. So FUA
 * and plain writes go to different blocks.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/dm-ioctl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../target/stamp.h"

static const char usage[] =
"usage: promises make DEVICE LOG LEDGER PROMISES   write; LOG is a dm device's name\n"
"       promises check FILE LEDGER MARK            a mark's number\n"
"In the first 16 MiB: 8 for plain writes, 4 for FUA writes, 4 that hold write 1\n"
"(outsider write 12582912 4194304 1) and are written to, too.\n";

#define DEPTH 8
#define LARGEST 16384
#define AREA (16 << 20)
#define FUA_START (8 << 20)
#define OLD_START (12 << 20)
#define SECTORS (AREA / SECTOR)

/* An event of the ledger. */
enum { ISSUED, COMPLETE, FLUSH, PROMISED };

struct event {
	uint32_t what;
	uint32_t seq;		/* PROMISED: the mark's number */
	uint32_t sector, nr;
	uint32_t fua;
	uint32_t discard;	/* zeroes from then on */
};

struct slot {
	struct iocb iocb;
	unsigned char *buf;
	struct event write;
	bool busy;
};

static struct slot slots[DEPTH];
static unsigned char in_use[SECTORS];
static int dev, control, ledger;
static const char *log_name;
static aio_context_t aio;
static uint32_t seq = 1, marks, discards;

/* ---- making ---- */

static void record(struct event event)
{
	if (write(ledger, &event, sizeof(event)) != sizeof(event))
		err(1, "ledger");
}

static void mark(void)
{
	struct {
		struct dm_ioctl ioctl;
		struct dm_target_msg msg;
		char text[64];
	} m = {
		.ioctl = {
			.version = { DM_VERSION_MAJOR, 0, 0 },
			.data_size = sizeof(m),
			.data_start = sizeof(m.ioctl),
		},
	};

	/* The struct's end is no room for text where alignment has padded it. */
	snprintf(m.msg.message, sizeof(m.text), "mark %u", marks);
	snprintf(m.ioctl.name, sizeof(m.ioctl.name), "%s", log_name);
	if (ioctl(control, DM_TARGET_MSG, &m))
		err(1, "message to %s", log_name);
	record((struct event){ .what = PROMISED, .seq = marks++ });
}

static void flush(void)
{
	/* What is complete now is promised when it returns. */
	record((struct event){ .what = FLUSH });
	if (fdatasync(dev))
		err(1, "flush");
	mark();
}

static void pick(struct event *write, bool discard)
{
	uint64_t first, nr;
	unsigned int i;

	do {
		write->fua = !discard && !(random() % 8);
		if (write->fua) {
			nr = 8 * (1 + random() % 4);
			first = FUA_START / SECTOR +
				random() % ((OLD_START - FUA_START) / 4096 - 4) * 8;
		} else {
			nr = random() % 2 ? 1 + random() % (LARGEST / SECTOR) :
					    8 * (1 + random() % 4);
			first = random() % (FUA_START / SECTOR - LARGEST / SECTOR);
			if (!(random() % 4))
				first = OLD_START / SECTOR +
					first % ((AREA - OLD_START - LARGEST) / SECTOR);
			if (random() % 2 || discard)
				first = first / 8 * 8;
			if (discard)
				nr = (nr + 7) / 8 * 8;
		}
		for (i = 0; i < nr && !in_use[first + i]; i++)
			;
	} while (i < nr);
	write->sector = first;
	write->nr = nr;
}

static void submit(struct slot *slot)
{
	struct iocb *iocb = &slot->iocb;
	unsigned int i;

	pick(&slot->write, false);
	slot->write.what = ISSUED;
	slot->write.seq = ++seq;
	for (i = 0; i < slot->write.nr; i++)
		stamp_write(slot->buf + i * SECTOR, slot->write.sector + i, seq);
	memset(in_use + slot->write.sector, 1, slot->write.nr);
	memset(iocb, 0, sizeof(*iocb));
	iocb->aio_data = (uintptr_t)slot;
	iocb->aio_fildes = dev;
	iocb->aio_lio_opcode = IOCB_CMD_PWRITE;
	iocb->aio_buf = (uintptr_t)slot->buf;
	iocb->aio_nbytes = (uint64_t)slot->write.nr * SECTOR;
	iocb->aio_offset = (uint64_t)slot->write.sector * SECTOR;
	iocb->aio_rw_flags = slot->write.fua ? RWF_DSYNC : 0;
	slot->busy = true;
	record(slot->write);
	if (syscall(SYS_io_submit, aio, 1, &iocb) != 1)
		err(1, "io_submit");
}

/* Whole blocks, while the slots' writes are under way: they are holes then. */
static void discard(void)
{
	struct event e = { .what = ISSUED, .discard = true };
	uint64_t range[2];

	pick(&e, true);
	e.seq = ++seq;
	record(e);
	range[0] = (uint64_t)e.sector * SECTOR;
	range[1] = (uint64_t)e.nr * SECTOR;
	if (ioctl(dev, BLKDISCARD, range))
		err(1, "discard");
	e.what = COMPLETE;
	record(e);
	discards++;
}

static void reap(int min)
{
	struct io_event events[DEPTH];
	long nr, i;

	nr = syscall(SYS_io_getevents, aio, min, DEPTH, events, NULL);
	if (nr < 0)
		err(1, "io_getevents");
	for (i = 0; i < nr; i++) {
		struct slot *slot = (void *)(uintptr_t)events[i].data;

		if (events[i].res != (int64_t)slot->write.nr * SECTOR)
			errx(1, "write: %s", strerror(-events[i].res));
		slot->busy = false;
		memset(in_use + slot->write.sector, 0, slot->write.nr);
		slot->write.what = COMPLETE;
		record(slot->write);
		if (slot->write.fua)
			mark();
	}
}

static void make(char **arg)
{
	uint32_t wanted = strtoul(arg[3], NULL, 0);
	int i, busy;

	dev = open(arg[0], O_RDWR | O_DIRECT);
	log_name = arg[1];
	ledger = open(arg[2], O_WRONLY | O_CREAT | O_TRUNC, 0666);
	control = open("/dev/mapper/control", O_RDWR);
	if (dev < 0 || ledger < 0 || control < 0)
		err(1, "%s", arg[0]);
	if (syscall(SYS_io_setup, DEPTH, &aio))
		err(1, "io_setup");
	for (i = 0; i < DEPTH; i++)
		if (posix_memalign((void **)&slots[i].buf, 4096, LARGEST))
			err(1, "memory");
	record((struct event){ .what = COMPLETE, .seq = 1,
			       .sector = OLD_START / SECTOR,
			       .nr = (AREA - OLD_START) / SECTOR });
	flush();
	while (marks < wanted) {
		for (i = 0; i < DEPTH; i++)
			if (!slots[i].busy)
				submit(&slots[i]);
		reap(1 + random() % DEPTH);
		if (!(random() % 4))
			discard();
		if (!(random() % 3))
			flush();
	}
	for (i = busy = 0; i < DEPTH; i++)
		busy += slots[i].busy;
	if (busy)
		reap(busy);
	printf("%u writes, %u discards, %u promises\n", seq - 1 - discards, discards,
	       marks);
}

/* ---- checking ---- */

static uint32_t promised[SECTORS], issued[SECTORS], discarded[SECTORS];

static void raise_to(uint32_t *what, const struct event *write)
{
	unsigned int i;

	for (i = write->sector; i < write->sector + write->nr; i++)
		if (what[i] < write->seq)
			what[i] = write->seq;
}

/* What flushes have promised is known one event at a time. */
static void read_ledger(const char *path, uint32_t last)
{
	static struct event complete[1 << 16];
	unsigned int nr = 0, nr_flushed = 0, i;
	FILE *f = fopen(path, "r");
	bool beyond = false;
	struct event e;

	if (!f)
		err(1, "%s", path);
	while (fread(&e, sizeof(e), 1, f) == 1) {
		switch (e.what) {
		case ISSUED:
			raise_to(issued, &e);
			if (e.discard)
				raise_to(discarded, &e);
			break;
		case COMPLETE:
			if (beyond)
				break;
			if (e.seq == 1)
				raise_to(issued, &e);
			if (nr == sizeof(complete) / sizeof(*complete))
				errx(1, "the ledger is too long");
			complete[nr++] = e;
			break;
		case FLUSH:
			nr_flushed = nr;
			break;
		case PROMISED:
			if (beyond)
				return;
			for (i = 0; i < nr_flushed; i++)
				raise_to(promised, &complete[i]);
			for (i = nr_flushed; i < nr; i++)
				if (complete[i].fua)
					raise_to(promised, &complete[i]);
			/* Until the next mark, more may have been issued. */
			beyond = e.seq == last;
			break;
		}
	}
	if (!beyond)
		errx(1, "%s has no mark %u", path, last);
}

static unsigned int check_sector(const unsigned char *buf, uint64_t sector)
{
	uint32_t low = sector < SECTORS ? promised[sector] : 0;
	uint32_t high = sector < SECTORS ? issued[sector] : 0;
	int64_t is = stamp_read(buf, sector);
	char what[128];

	if (is >= low && is <= high)
		return 0;
	/* A hole, if that was promised or came after what was. */
	if (!is && sector < SECTORS && discarded[sector] >= low)
		return 0;
	stamp_describe(what, sizeof(what), buf);
	printf("sector %llu: promised write %u, issued up to %u, is %s\n",
	       (unsigned long long)sector, low, high, what);
	return 1;
}

/* Holes are zeroes, and need not be read to know it. */
static int check(char **arg)
{
	static unsigned char buf[1 << 20];
	unsigned int wrong = 0;
	off_t pos = 0, end, size;
	int fd = open(arg[0], O_RDONLY);
	ssize_t len, i;

	if (fd < 0)
		err(1, "%s", arg[0]);
	read_ledger(arg[1], strtoul(arg[2], NULL, 0));
	size = lseek(fd, 0, SEEK_END);
	if (size < AREA)
		errx(1, "%s has only %lld bytes", arg[0], (long long)size);
	for (; pos < size && wrong < 20; pos += len) {
		end = lseek(fd, pos, SEEK_DATA);
		if (end > pos || end < 0)
			len = (end < 0 ? size : end / SECTOR * SECTOR) - pos;
		else
			len = 0;
		/* A hole where something was promised? */
		memset(buf, 0, SECTOR);
		for (i = 0; i < len && pos + i < AREA; i += SECTOR)
			wrong += check_sector(buf, (pos + i) / SECTOR);
		if (len)
			continue;
		len = pread(fd, buf, sizeof(buf), pos);
		if (len <= 0)
			err(1, "%s at %lld", arg[0], (long long)pos);
		for (i = 0; i < len; i += SECTOR)
			wrong += check_sector(buf + i, (pos + i) / SECTOR);
	}
	return wrong ? 1 : 0;
}

int main(int argc, char **argv)
{
	if (argc == 6 && !strcmp(argv[1], "make")) {
		make(argv + 2);
		return 0;
	}
	if (argc == 5 && !strcmp(argv[1], "check"))
		return check(argv + 2);
	errx(2, "%s", usage);
}
