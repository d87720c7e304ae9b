// SPDX-License-Identifier: GPL-2.0-only
/*
 * outsider: does things to a file that somebody has mapped, and says how long
 * each call took. Prints "NAME MICROSECONDS RESULT" a call, where RESULT is 0
 * or an errno's name; the status is 0 if all succeeded.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "stamp.h"

static const char usage[] =
"usage: outsider ACTION FILE [ARGUMENT]…\n"
"  open            for writing, and close\n"
"  hold SECONDS    open for writing, say so, keep it; closes on end of input\n"
"  nonblock        open for writing with O_NONBLOCK: EAGAIN is right, too\n"
"  truncate SIZE   by path; ftruncate SIZE: by descriptor\n"
"  chmod MODE, utimes, setxattr, rename TO, link TO, unlink\n"
"  fallocate MODE OFFSET LENGTH   the mode's bits as a number\n"
"  clone TO        FICLONE from a descriptor that can only read\n"
"  cloneinto FROM  the other way round: FROM's blocks become FILE's\n"
"  dedupe TO       FIDEDUPERANGE of all of it, source and target read-only\n"
"  dedupeinto FROM the same, FILE is the target\n"
"  flags +C|-C     an attribute of chattr: i, j\n"
"  read, mmap, sendfile: all of the file, read-only\n"
"  write OFFSET LENGTH SEQ, dwrite (direct), mwrite (mapped): stamped sectors;\n"
"                  the stamps' sector numbers are those of the file\n"
"  check OFFSET LENGTH SEQ        direct reads find these stamps; 0: zeroes\n";

static int failed;

static double clock_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e6 + ts.tv_nsec / 1e3;
}

/* The call has ended; errno is its own. */
static void report(const char *name, double begun, bool ok)
{
	int error = errno;

	printf("%s %.0f %s\n", name, clock_us() - begun,
	       ok ? "0" : strerrorname_np(error));
	fflush(stdout);
	if (!ok)
		failed = 1;
}

#define TIMED(name, call) ({					\
	double begun_ = clock_us();				\
	__typeof__(call) ret_ = (call);				\
	report(name, begun_, ret_ != (__typeof__(call))-1);	\
	ret_; })

static int open_or_die(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0666);

	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

static uint64_t number(const char *s)
{
	char *end;
	uint64_t n = strtoull(s, &end, 0);

	if (!*s || *end)
		errx(2, "%s is no number", s);
	return n;
}

static off_t size_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		err(1, "fstat");
	return st.st_size;
}

static int open_write(const char *path, int more)
{
	int fd = TIMED("open", open(path, O_RDWR | O_CLOEXEC | more));

	if (fd < 0)
		exit(1);
	return fd;
}

static void hold(const char *path)
{
	int fd = open_write(path, 0);
	char c;

	printf("held\n");
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		;
	TIMED("close", close(fd));
}

static void nonblock(const char *path)
{
	double begun = clock_us();
	int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	report("nonblock", begun, fd >= 0 || errno == EAGAIN);
}

static void dedupe(const char *from, const char *to)
{
	int src = open_or_die(from, O_RDONLY), dst = open_or_die(to, O_RDONLY);
	struct file_dedupe_range *range;
	off_t len = size_of(src), pos = 0;

	range = calloc(1, sizeof(*range) + sizeof(range->info[0]));
	range->dest_count = 1;
	/* The kernel limits one call. */
	while (pos < len) {
		range->src_offset = pos;
		range->src_length = len - pos < 4 << 20 ? len - pos : 4 << 20;
		range->info[0].dest_fd = dst;
		range->info[0].dest_offset = pos;
		range->info[0].bytes_deduped = 0;
		if (TIMED("dedupe", ioctl(src, FIDEDUPERANGE, range)))
			exit(1);
		/* What differs is no error: somebody is writing. */
		if (range->info[0].status < 0)
			errx(1, "dedupe: %s", strerror(-range->info[0].status));
		pos += range->src_length;
	}
}

static void clone(const char *from, const char *to)
{
	int src = open_or_die(from, O_RDONLY);
	int dst = open_or_die(to, O_RDWR | O_CREAT);

	TIMED("clone", ioctl(dst, FICLONE, src));
}

static void flags(const char *path, const char *what)
{
	int fd = open_or_die(path, O_RDONLY), value;
	int bit = what[1] == 'i' ? FS_IMMUTABLE_FL :
		  what[1] == 'j' ? FS_JOURNAL_DATA_FL : 0;

	if (!bit || ioctl(fd, FS_IOC_GETFLAGS, &value))
		err(1, "flags %s", what);
	value = what[0] == '+' ? value | bit : value & ~bit;
	TIMED("flags", ioctl(fd, FS_IOC_SETFLAGS, &value));
}

static void read_all(const char *path)
{
	static char buf[1 << 16];
	int fd = open_or_die(path, O_RDONLY);
	ssize_t ret;

	do
		ret = TIMED("read", read(fd, buf, sizeof(buf)));
	while (ret > 0);
}

static void map_all(const char *path)
{
	int fd = open_or_die(path, O_RDONLY);
	off_t len = size_of(fd), i;
	volatile char sum = 0;
	char *map = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);
	double begun;

	if (map == MAP_FAILED)
		err(1, "mmap");
	for (i = 0; i < len; i += 4096) {
		begun = clock_us();
		sum += map[i];
		if (!(i & 0xfffff))
			report("mmap", begun, true);
	}
}

static void send_all(const char *path)
{
	int fd = open_or_die(path, O_RDONLY);
	int null = open_or_die("/dev/null", O_WRONLY);
	ssize_t ret;

	do
		ret = TIMED("sendfile", sendfile(null, fd, NULL, 1 << 16));
	while (ret > 0);
}

static void write_stamps(const char *action, char **arg)
{
	uint64_t pos = number(arg[1]), len = number(arg[2]), i;
	int fd = open_write(arg[0], *action == 'd' ? O_DIRECT : 0);
	unsigned char *buf;

	if (posix_memalign((void **)&buf, 4096, len))
		err(1, "memory");
	for (i = 0; i < len; i += SECTOR)
		stamp_write(buf + i, (pos + i) / SECTOR, number(arg[3]));
	if (*action == 'm') {
		char *map = mmap(NULL, pos + len, PROT_READ | PROT_WRITE,
				 MAP_SHARED, fd, 0);

		if (map == MAP_FAILED)
			err(1, "mmap");
		TIMED("mwrite", memcpy(map + pos, buf, len));
	} else if (TIMED(action, pwrite(fd, buf, len, pos)) != (ssize_t)len) {
		errx(1, "short");
	}
	TIMED("close", close(fd));
}

static void check_stamps(const char *path, uint64_t pos, uint64_t len,
			 int64_t seq)
{
	int fd = open_or_die(path, O_RDONLY | O_DIRECT);
	unsigned char *buf;
	char is[128];
	uint64_t i;

	if (posix_memalign((void **)&buf, 4096, len))
		err(1, "memory");
	if (TIMED("check", pread(fd, buf, len, pos)) != (ssize_t)len)
		exit(1);
	for (i = 0; i < len; i += SECTOR) {
		if (stamp_read(buf + i, (pos + i) / SECTOR) == seq)
			continue;
		stamp_describe(is, sizeof(is), buf + i);
		errx(1, "%s: sector %llu is not write %lld but %s", path,
		     (unsigned long long)(pos + i) / SECTOR, (long long)seq, is);
	}
}

struct action {
	const char *name;
	int nr_args;		/* with the file */
	void (*run)(char **arg);
};

static void do_open(char **arg) { TIMED("close", close(open_write(arg[0], 0))); }
static void do_hold(char **arg) { hold(arg[0]); }
static void do_nonblock(char **arg) { nonblock(arg[0]); }
static void do_truncate(char **arg) { TIMED("truncate", truncate(arg[0], number(arg[1]))); }
static void do_ftruncate(char **arg) { TIMED("ftruncate", ftruncate(open_write(arg[0], 0), number(arg[1]))); }
static void do_chmod(char **arg) { TIMED("chmod", chmod(arg[0], strtoul(arg[1], NULL, 8))); }
static void do_utimes(char **arg) { TIMED("utimes", utimensat(AT_FDCWD, arg[0], NULL, 0)); }
static void do_setxattr(char **arg) { TIMED("setxattr", setxattr(arg[0], "user.outsider", "was here", 8, 0)); }
static void do_rename(char **arg) { TIMED("rename", rename(arg[0], arg[1])); }
static void do_link(char **arg) { TIMED("link", link(arg[0], arg[1])); }
static void do_unlink(char **arg) { TIMED("unlink", unlink(arg[0])); }
static void do_fallocate(char **arg)
{
	TIMED("fallocate", fallocate(open_write(arg[0], 0), number(arg[1]),
				     number(arg[2]), number(arg[3])));
}
static void do_clone(char **arg) { clone(arg[0], arg[1]); }
static void do_cloneinto(char **arg) { clone(arg[1], arg[0]); }
static void do_dedupe(char **arg) { dedupe(arg[0], arg[1]); }
static void do_dedupeinto(char **arg) { dedupe(arg[1], arg[0]); }
static void do_flags(char **arg) { flags(arg[0], arg[1]); }
static void do_read(char **arg) { read_all(arg[0]); }
static void do_mmap(char **arg) { map_all(arg[0]); }
static void do_sendfile(char **arg) { send_all(arg[0]); }
static void do_write(char **arg) { write_stamps("write", arg); }
static void do_dwrite(char **arg) { write_stamps("dwrite", arg); }
static void do_check(char **arg)
{
	check_stamps(arg[0], number(arg[1]), number(arg[2]), number(arg[3]));
}
static void do_mwrite(char **arg) { write_stamps("mwrite", arg); }

static const struct action actions[] = {
	{ "open", 1, do_open },		{ "hold", 1, do_hold },
	{ "nonblock", 1, do_nonblock },	{ "truncate", 2, do_truncate },
	{ "ftruncate", 2, do_ftruncate }, { "chmod", 2, do_chmod },
	{ "utimes", 1, do_utimes },	{ "setxattr", 1, do_setxattr },
	{ "rename", 2, do_rename },	{ "link", 2, do_link },
	{ "unlink", 1, do_unlink },	{ "fallocate", 4, do_fallocate },
	{ "clone", 2, do_clone },	{ "cloneinto", 2, do_cloneinto },
	{ "dedupe", 2, do_dedupe },	{ "dedupeinto", 2, do_dedupeinto },
	{ "flags", 2, do_flags },	{ "read", 1, do_read },
	{ "mmap", 1, do_mmap },		{ "sendfile", 1, do_sendfile },
	{ "write", 4, do_write },	{ "dwrite", 4, do_dwrite },
	{ "mwrite", 4, do_mwrite },	{ "check", 4, do_check },
};

int main(int argc, char **argv)
{
	unsigned int i;

	for (i = 0; argc > 1 && i < sizeof(actions) / sizeof(*actions); i++) {
		if (strcmp(argv[1], actions[i].name))
			continue;
		if (argc != actions[i].nr_args + 2)
			break;
		actions[i].run(argv + 2);
		return failed;
	}
	errx(2, "%s", usage);
}
