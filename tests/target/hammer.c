// SPDX-License-Identifier: GPL-2.0-only
/*
 * hammer: random I/O on several views of the same bytes, every sector checked.
 *
 * The sectors written carry their number and a sequence number; a shadow in
 * memory (or in a file, for another run or another view) knows what each must
 * be. No two I/Os that overlap are under way together, so each sector read has
 * exactly one right answer.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "stamp.h"

static const char usage[] =
"usage: hammer [OPTION]… VIEW…\n"
"VIEW is KIND[+BYTES]:PATH, where BYTES is where the data begins in PATH; less\n"
"than 0 if PATH has only a later part of it\n"
"  rw      direct I/O, queued; ro: the same, only reads\n"
"  cache   pread() through the page cache      mmap  a mapping that is kept\n"
"  splice  splice() into a pipe\n"
"  -r START:LENGTH  only this part, in bytes (default: all of the first view)\n"
"  -s FILE    the shadow: used if it is there, kept for later runs\n"
"  -n COUNT   stop after so many I/Os; -t SECONDS, or SIGTERM\n"
"  -q DEPTH   queue depth (16)           -w PERCENT  writes (50)\n"
"  -l BYTES   largest I/O (32768)        -a BYTES    alignment (the device's)\n"
"  -f COUNT   flush every so many writes, and FUA as often\n"
"  -E         I/O errors are allowed: what was written then is old or new\n"
"  -z         somebody may cut the file off: zeroes are right, too\n"
"  -c         only check all of each view\n"
"  -C         no check at the end (a device that is gone)\n"
"  -S SEED    of the random numbers (the time)\n";

#define UNSURE 0x80000000u	/* in the shadow: any write up to this one */
#define MAX_VIEWS 8
#define MAX_DEPTH 60	/* as many readers as in_use can count */
#define STUCK 120		/* seconds */

enum kind { RW, RO, CACHE, MMAP, SPLICE };
static const char *const kinds[] = { "rw", "ro", "cache", "mmap", "splice" };

struct view {
	enum kind kind;
	int64_t offset;
	const char *path;
	int fd;
	unsigned char *map;
};

struct slot {
	struct iocb iocb;
	struct view *view;
	unsigned char *buf;
	uint64_t sector;
	unsigned int nr;
	bool write, flush, busy;
	uint64_t begun;
};

static struct view views[MAX_VIEWS];
static int nr_views, nr_queued;		/* queued ones come first */
static uint64_t start, sectors;
static uint32_t *shadow;
static unsigned char *in_use;		/* 1: read, 2: write */
static uint32_t seq;
static aio_context_t aio;
static struct slot slots[MAX_DEPTH];
static unsigned int depth = 16, align = SECTOR, largest = 32768;
static unsigned int write_percent = 50, flush_every;
static bool errors_allowed, zeroes_allowed;
static volatile sig_atomic_t stop;
static int pipe_fd[2];
static unsigned int mismatches;
static unsigned long nr_reads, nr_writes, nr_flushes, nr_errors, nr_looks;
static uint64_t worst;			/* ns */
static uint64_t rnd_state;

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static uint64_t rnd(uint64_t below)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return (rnd_state >> 8) % below;
}

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

/* ---- checking ---- */

static void complain(const struct view *view, uint64_t sector, const void *buf)
{
	uint32_t want = shadow[sector];
	char is[128];

	stamp_describe(is, sizeof(is), buf);
	printf("hammer: %s:%s sector %llu: wanted %swrite %u, is %s\n",
	       kinds[view->kind], view->path, (unsigned long long)sector,
	       want & UNSURE ? "up to " : "", want & ~UNSURE, is);
	if (++mismatches >= 20)
		errx(1, "more than enough");
}

static void check(const struct view *view, uint64_t sector, unsigned int nr,
		  const unsigned char *buf)
{
	for (; nr; nr--, sector++, buf += SECTOR) {
		uint32_t want = shadow[sector];
		int64_t is = stamp_read(buf, sector);

		if (zeroes_allowed && !is)
			continue;
		if (want & UNSURE ? is < 0 || is > (want & ~UNSURE) :
		    is != want)
			complain(view, sector, buf);
	}
}

/* ---- the views that are looked at in place ---- */

static void read_pipe(unsigned char *buf, size_t len)
{
	while (len) {
		ssize_t ret = read(pipe_fd[0], buf, len);

		if (ret <= 0)
			err(1, "pipe");
		buf += ret;
		len -= ret;
	}
}

/* Returns the number of bytes or -1. */
static ssize_t look_at(struct view *view, uint64_t sector, unsigned int nr,
		       unsigned char *buf)
{
	loff_t pos = sector * SECTOR + view->offset;
	size_t len = (size_t)nr * SECTOR, done = 0;

	switch (view->kind) {
	case MMAP:
		memcpy(buf, view->map + pos, len);
		return len;
	case SPLICE:
		while (done < len) {
			ssize_t ret = splice(view->fd, &pos, pipe_fd[1], NULL,
					     len - done, 0);
			if (ret <= 0)
				return ret ? ret : (ssize_t)done;
			read_pipe(buf + done, ret);
			done += ret;
		}
		return done;
	default:
		return pread(view->fd, buf, len, pos);
	}
}

static void look(struct view *view, uint64_t sector, unsigned int nr)
{
	static unsigned char *buf;
	ssize_t ret;

	if (!buf && posix_memalign((void **)&buf, 4096, 1 << 20))
		err(1, "memory");
	ret = look_at(view, sector, nr, buf);
	if (ret == (ssize_t)nr * SECTOR) {
		check(view, sector, nr, buf);
	} else if (errors_allowed) {
		nr_errors++;
	} else {
		printf("hammer: %s:%s sector %llu: read of %u bytes gave %zd (%s)\n",
		       kinds[view->kind], view->path,
		       (unsigned long long)sector, nr * SECTOR, ret,
		       ret < 0 ? strerror(errno) : "short");
		mismatches++;
	}
	nr_looks++;
}

static void check_all(void)
{
	unsigned int step = (1 << 20) / SECTOR;
	uint64_t i;
	int v;

	for (v = 0; v < nr_views; v++)
		for (i = 0; i < sectors; i += step)
			look(&views[v], start + i,
			     sectors - i < step ? sectors - i : step);
}

/* ---- queued I/O ---- */

/* Picks a range that nobody uses; 0 if there is none now. */
static unsigned int pick(bool write, uint64_t *sector)
{
	unsigned int unit = align / SECTOR, max = largest / align, nr, i;
	int tries;

	for (tries = 0; tries < 8; tries++) {
		uint64_t units = sectors / unit, at;

		switch (rnd(4)) {
		case 0:
			nr = 1;
			break;
		case 1:
			nr = 1 + rnd(max);
			break;
		default:	/* blocks, as file systems write them */
			nr = 4096 / align * (1 + rnd(largest / 4096));
			break;
		}
		if (nr > units)
			nr = units;
		at = rnd(units - nr + 1);
		if (nr * align % 4096 == 0)
			at = at * align / 4096 * 4096 / align;
		at *= unit;
		nr *= unit;
		for (i = 0; i < nr; i++)
			if (in_use[start + at + i] & (write ? 3 : 2))
				break;
		if (i == nr) {
			*sector = start + at;
			return nr;
		}
	}
	return 0;
}

static void mark(struct slot *s, int add)
{
	unsigned int i;

	/* Reads may share: 4, 8, … count them. */
	for (i = 0; i < s->nr; i++) {
		unsigned char *u = &in_use[s->sector + i];

		if (s->write)
			*u = add > 0 ? 2 : 0;
		else
			*u = add > 0 ? ((*u >> 2) + 1) << 2 | 1 :
				(*u >> 2) > 1 ? ((*u >> 2) - 1) << 2 | 1 : 0;
	}
}

static void submit(struct slot *s)
{
	struct iocb *iocb = &s->iocb;

	memset(iocb, 0, sizeof(*iocb));
	iocb->aio_data = (uintptr_t)s;
	iocb->aio_fildes = s->view->fd;
	if (s->flush) {
		iocb->aio_lio_opcode = IOCB_CMD_FDSYNC;
	} else {
		iocb->aio_lio_opcode = s->write ? IOCB_CMD_PWRITE :
						  IOCB_CMD_PREAD;
		iocb->aio_buf = (uintptr_t)s->buf;
		iocb->aio_nbytes = (uint64_t)s->nr * SECTOR;
		iocb->aio_offset = s->sector * SECTOR + s->view->offset;
		if (s->write && flush_every && !rnd(flush_every))
			iocb->aio_rw_flags = RWF_DSYNC;
	}
	s->busy = true;
	s->begun = now();
	while (syscall(SYS_io_submit, aio, 1, &iocb) != 1)
		if (errno != EAGAIN && errno != EINTR)
			err(1, "io_submit on %s", s->view->path);
}

static void begin_write(struct slot *s)
{
	unsigned int i;

	seq++;
	for (i = 0; i < s->nr; i++)
		stamp_write(s->buf + i * SECTOR, s->sector + i, seq);
	/* Until it is acknowledged, what it covers is old or new. */
	for (i = 0; i < s->nr; i++)
		shadow[s->sector + i] = seq | UNSURE;
}

/* Returns false if nothing could be begun. */
static bool begin(struct slot *s)
{
	bool rw_view;

	s->view = &views[rnd(nr_queued)];
	rw_view = s->view->kind == RW;
	s->flush = rw_view && flush_every && !rnd(2 * flush_every);
	s->write = !s->flush && rw_view && rnd(100) < write_percent;
	s->nr = 0;
	if (!s->flush) {
		s->nr = pick(s->write, &s->sector);
		if (!s->nr)
			return false;
		mark(s, 1);
		if (s->write)
			begin_write(s);
	}
	submit(s);
	return true;
}

static void end(struct slot *s, int64_t res)
{
	uint64_t took = now() - s->begun;
	int64_t want = s->flush ? 0 : (int64_t)s->nr * SECTOR;
	unsigned int i;

	if (took > worst)
		worst = took;
	s->busy = false;
	if (s->nr)
		mark(s, -1);
	if (res != want) {
		nr_errors++;
		if (errors_allowed)
			return;
		printf("hammer: %s:%s: %s of %u sectors at %llu gave %lld (%s)\n",
		       kinds[s->view->kind], s->view->path,
		       s->flush ? "flush" : s->write ? "write" : "read", s->nr,
		       (unsigned long long)s->sector, (long long)res,
		       res < 0 ? strerror(-res) : "short");
		if (++mismatches >= 20)
			errx(1, "more than enough");
		return;
	}
	if (s->flush) {
		nr_flushes++;
	} else if (s->write) {
		nr_writes++;
		for (i = 0; i < s->nr; i++)
			shadow[s->sector + i] &= ~UNSURE;
	} else {
		nr_reads++;
		check(s->view, s->sector, s->nr, s->buf);
	}
}

/* Waits for at least one, returns how many have ended. */
static int reap(void)
{
	struct io_event events[MAX_DEPTH];
	struct timespec limit = { .tv_sec = STUCK };
	long nr, i;

	do
		nr = syscall(SYS_io_getevents, aio, 1, MAX_DEPTH, events, &limit);
	while (nr < 0 && errno == EINTR);
	if (nr <= 0)
		errx(1, "stuck: nothing has ended for %d s", STUCK);
	for (i = 0; i < nr; i++)
		end((struct slot *)(uintptr_t)events[i].data, events[i].res);
	return nr;
}

static void look_somewhere(void)
{
	struct view *view;
	uint64_t sector;
	unsigned int nr;

	if (nr_views == nr_queued)
		return;
	view = &views[nr_queued + rnd(nr_views - nr_queued)];
	nr = pick(false, &sector);
	if (nr)
		look(view, sector, nr);
}

static void run(unsigned long count, unsigned int seconds)
{
	uint64_t until = seconds ? now() + seconds * 1000000000ull : UINT64_MAX;
	unsigned int i, busy = 0;
	unsigned long done = 0;

	while (!mismatches && !stop && done < count && now() < until) {
		for (i = 0; i < depth; i++)
			if (!slots[i].busy && begin(&slots[i]))
				busy++;
		if (!rnd(4))
			look_somewhere();
		if (busy) {
			int ended = reap();

			busy -= ended;
			done += ended;
		}
	}
	while (busy)
		busy -= reap();
}

/* ---- setting up ---- */

static uint64_t size_of(struct view *view)
{
	struct stat st;
	uint64_t size;

	if (fstat(view->fd, &st))
		err(1, "%s", view->path);
	size = st.st_size;
	if (S_ISBLK(st.st_mode) && ioctl(view->fd, BLKGETSIZE64, &size))
		err(1, "%s: BLKGETSIZE64", view->path);
	if ((int64_t)size < view->offset)
		errx(1, "%s is too small", view->path);
	return size - view->offset;
}

static void add_view(char *arg)
{
	struct view *view = &views[nr_views];
	char *colon = strchr(arg, ':'), *plus;
	int flags[] = { O_RDWR | O_DIRECT, O_RDONLY | O_DIRECT,
			O_RDONLY, O_RDONLY, O_RDONLY };
	unsigned int k;

	if (!colon || nr_views == MAX_VIEWS)
		errx(2, "what is %s?\n%s", arg, usage);
	*colon = 0;
	view->path = colon + 1;
	plus = strchr(arg, '+');
	if (plus) {
		*plus = 0;
		view->offset = strtoll(plus + 1, NULL, 0);
	}
	for (k = 0; k < sizeof(kinds) / sizeof(*kinds); k++)
		if (!strcmp(arg, kinds[k]))
			break;
	if (k == sizeof(kinds) / sizeof(*kinds))
		errx(2, "what is %s?\n%s", arg, usage);
	view->kind = k;
	view->fd = open(view->path, flags[k] | O_CLOEXEC);
	if (view->fd < 0)
		err(1, "%s", view->path);
	if (k == MMAP) {
		view->map = mmap(NULL, size_of(view) + view->offset, PROT_READ,
				 MAP_SHARED, view->fd, 0);
		if (view->map == MAP_FAILED)
			err(1, "%s: mmap", view->path);
	}
	nr_views++;
	if (k <= RO) {
		/* Keep them in front. */
		struct view v = *view;

		*view = views[nr_queued];
		views[nr_queued++] = v;
	}
}

static void find_alignment(void)
{
	int v, size;

	for (v = 0; v < nr_queued; v++)
		if (!ioctl(views[v].fd, BLKSSZGET, &size) &&
		    (unsigned int)size > align)
			align = size;
}

static void open_shadow(const char *file)
{
	size_t size = (start + sectors) * sizeof(*shadow);
	int flags = MAP_SHARED | MAP_ANONYMOUS, fd = -1;
	struct stat st;
	uint64_t i;

	if (file) {
		flags = MAP_SHARED;
		fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
		if (fd < 0 || fstat(fd, &st) ||
		    (st.st_size < (off_t)size && ftruncate(fd, size)))
			err(1, "%s", file);
	}
	shadow = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);
	in_use = calloc(start + sectors, 1);
	if (shadow == MAP_FAILED || !in_use)
		err(1, "shadow");
	for (i = start; i < start + sectors; i++)
		if ((shadow[i] & ~UNSURE) > seq)
			seq = shadow[i] & ~UNSURE;
}

static void set_up_queue(void)
{
	unsigned int i;

	if (depth > MAX_DEPTH)
		depth = MAX_DEPTH;
	if (syscall(SYS_io_setup, MAX_DEPTH, &aio))
		err(1, "io_setup");
	if (pipe(pipe_fd))
		err(1, "pipe");
	for (i = 0; i < depth; i++)
		if (posix_memalign((void **)&slots[i].buf, 4096, largest))
			err(1, "memory");
}

int main(int argc, char **argv)
{
	unsigned long long length = 0, first = 0;
	unsigned long count = ~0ul;
	unsigned int seconds = 0;
	bool only_check = false, final_check = true;
	const char *shadow_file = NULL;
	int opt;

	setlinebuf(stdout);
	rnd_state = now() ^ getpid();
	while ((opt = getopt(argc, argv, "r:s:n:t:q:w:l:a:f:EzcCS:")) != -1) {
		switch (opt) {
		case 'r':
			if (sscanf(optarg, "%llu:%llu", &first, &length) != 2)
				errx(2, "-r START:LENGTH");
			break;
		case 's': shadow_file = optarg; break;
		case 'n': count = strtoul(optarg, NULL, 0); break;
		case 't': seconds = atoi(optarg); break;
		case 'q': depth = atoi(optarg); break;
		case 'w': write_percent = atoi(optarg); break;
		case 'l': largest = atoi(optarg); break;
		case 'a': align = atoi(optarg); break;
		case 'f': flush_every = atoi(optarg); break;
		case 'E': errors_allowed = true; break;
		case 'z': zeroes_allowed = true; break;
		case 'c': only_check = true; break;
		case 'C': final_check = false; break;
		case 'S': rnd_state = strtoull(optarg, NULL, 0) | 1; break;
		default: errx(2, "%s", usage);
		}
	}
	if (optind == argc)
		errx(2, "%s", usage);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	for (; optind < argc; optind++)
		add_view(argv[optind]);
	if (!length)
		length = size_of(&views[0]) - first;
	start = first / SECTOR;
	sectors = length / SECTOR;
	find_alignment();
	open_shadow(shadow_file);
	set_up_queue();

	printf("hammer: seed %llu\n", (unsigned long long)rnd_state);
	if (!only_check) {
		if (!nr_queued)
			errx(2, "no view to write to");
		run(count, seconds);
	}
	if (!mismatches && final_check)
		check_all();
	printf("hammer: %lu reads, %lu writes, %lu flushes, %lu looks, %lu errors, slowest %llu ms\n",
	       nr_reads, nr_writes, nr_flushes, nr_looks, nr_errors,
	       (unsigned long long)worst / 1000000);
	if (mismatches)
		errx(1, "%u mismatches", mismatches);
	return 0;
}
