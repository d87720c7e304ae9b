// SPDX-License-Identifier: GPL-2.0-only
/*
 * torture: does random things to a file that somebody has mapped, all of which
 * leave its first bytes as they are.
 *
 * usage: torture [-n ACTIONS] [-S SEED] [-d DEVICE] [-e DISK] FILE KEEP
 *
 * The first KEEP bytes, a multiple of 1 MiB, are the device's. What is behind
 * them is written, cut off, punched, moved and shared at will. With -d the lease
 * of that device-mapper device is asked back now and then, so that most of it
 * meets direct mode. With -e also what makes its first writes to a block fail for
 * a while: the immutable flag, and a quota on DISK that is used up. Prints how often
 * each action was done and how often it was refused, and the longest time that one
 * took.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/dqblk_xfs.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/quota.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define BLOCK	4096
#define MIB	(1 << 20)
#define TAIL	(4 * MIB)

static char path[4096], other[4096], clone_path[4096];
static const char *device, *disk;
static off_t keep;
static uint64_t state = 1;
static char data[64 * 1024] __attribute__((aligned(BLOCK)));

static uint32_t rnd(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 11) % below;
}

/* A block behind what must stay. */
static off_t somewhere(void)
{
	return keep + (off_t)rnd(TAIL / BLOCK) * BLOCK;
}

static size_t some(void)
{
	return (1 + rnd(sizeof(data) / BLOCK)) * BLOCK;
}

/* Opens it, does it, closes it: -1 and errno if any of that failed. */
#define WITH(flags, call) ({						\
	int fd = open(path, (flags) | O_CLOEXEC);			\
	long ret_ = fd < 0 ? -1 : (long)(call);				\
	int errno_ = errno;						\
	if (fd >= 0)							\
		close(fd);						\
	errno = errno_;							\
	ret_; })

static long do_open(void) { return WITH(O_RDWR, 0); }
static long do_open_nonblock(void) { return WITH(O_WRONLY | O_NONBLOCK, 0); }
static long do_append(void)
{
	return WITH(O_WRONLY | O_APPEND, write(fd, data, some()));
}

static long do_write(void)
{
	return WITH(O_RDWR, pwrite(fd, data, some() - rnd(BLOCK), somewhere()));
}

static long do_direct(void)
{
	return WITH(O_RDWR | O_DIRECT, pwrite(fd, data, some(), somewhere()));
}

static long do_fsync(void)
{
	return WITH(O_RDWR, pwrite(fd, data, BLOCK, somewhere()) < 0 ? -1 : fsync(fd));
}

static long do_truncate(void) { return truncate(path, somewhere() + rnd(BLOCK)); }
static long do_ftruncate(void) { return WITH(O_RDWR, ftruncate(fd, somewhere())); }
static long do_trunc_end(void) { return truncate(path, keep); }

static long do_fallocate(int mode)
{
	return WITH(O_RDWR, fallocate(fd, mode, somewhere(), some()));
}

static long do_allocate(void) { return do_fallocate(0); }
static long do_preallocate(void) { return do_fallocate(FALLOC_FL_KEEP_SIZE); }
static long do_punch(void)
{
	return do_fallocate(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE);
}

static long do_zero(void) { return do_fallocate(FALLOC_FL_ZERO_RANGE); }
static long do_collapse(void) { return do_fallocate(FALLOC_FL_COLLAPSE_RANGE); }
static long do_insert(void) { return do_fallocate(FALLOC_FL_INSERT_RANGE); }

static long do_chmod(void) { return chmod(path, rnd(2) ? 0600 : 0640); }
static long do_utimes(void) { return utimensat(AT_FDCWD, path, NULL, 0); }
static long do_xattr(void) { return setxattr(path, "user.t", data, 8, 0); }

static long do_rename(void)
{
	return rename(path, other) ? -1 : rename(other, path);
}

static long do_link(void)
{
	return link(path, other) ? -1 : unlink(other);
}

/* Another file takes the name, and gives it back. */
static long do_rename_over(void)
{
	int fd;

	if (link(path, other))
		return -1;
	fd = open(clone_path, O_CREAT | O_RDWR | O_TRUNC, 0600);
	if (fd >= 0)
		close(fd);
	if (rename(clone_path, path))
		warn("rename over");
	return rename(other, path);
}

static long do_flag(long flag)
{
	return WITH(O_RDONLY, ({
		long flags;
		int r = ioctl(fd, FS_IOC_GETFLAGS, &flags);

		if (!r) {
			flags |= flag;
			r = ioctl(fd, FS_IOC_SETFLAGS, &flags);
			usleep(rnd(3000));
			flags &= ~flag;
			r |= ioctl(fd, FS_IOC_SETFLAGS, &flags);
		}
		r; }));
}

static long do_nodump(void) { return do_flag(FS_NODUMP_FL); }
static long do_journal(void) { return do_flag(FS_JOURNAL_DATA_FL); }
/* With -e: the device's own fills fail then, as they should. */
static long do_immutable(void) { return do_flag(FS_IMMUTABLE_FL); }

static long limit_owner(uint64_t bytes)
{
	struct fs_disk_quota quota = {
		.d_version = FS_DQUOT_VERSION,
		.d_fieldmask = FS_DQ_BHARD,
		.d_blk_hardlimit = bytes / 512,
	};
	struct stat st;

	return stat(path, &st) ? -1 :
	       quotactl(QCMD(Q_XSETQLIM, USRQUOTA), disk, st.st_uid,
			(void *)&quota);
}

static long do_quota(void)
{
	long r = limit_owner(BLOCK);

	usleep(rnd(20000));
	return limit_owner(0) ? -1 : r;
}

/* Somebody has a file open for writing, the device: refused. */
static long do_remount(void)
{
	char dir[4096];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash)
		*slash = 0;
	if (mount(NULL, dir, NULL, MS_REMOUNT | MS_RDONLY, NULL))
		return -1;
	return mount(NULL, dir, NULL, MS_REMOUNT, NULL);
}

static long do_lease(void)
{
	return WITH(O_RDONLY, fcntl(fd, F_SETLEASE, F_RDLCK) ? -1 :
			      fcntl(fd, F_SETLEASE, F_UNLCK));
}

static long do_read(void)
{
	return WITH(O_RDONLY, pread(fd, data, sizeof(data),
				    (off_t)rnd(keep / BLOCK) * BLOCK));
}

static long do_dontneed(void)
{
	return WITH(O_RDONLY, posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
}

static long map_write(int fd)
{
	char *p;

	if (ftruncate(fd, keep + TAIL))
		return -1;
	p = mmap(NULL, TAIL, PROT_READ | PROT_WRITE, MAP_SHARED, fd, keep);
	if (p == MAP_FAILED)
		return -1;
	memset(p + rnd(TAIL - BLOCK), 0x55, BLOCK);
	return munmap(p, TAIL);
}

static long do_map(void) { return WITH(O_RDWR, map_write(fd)); }

/* XFS calls the file shared until somebody asks for blocks of its own. */
static void unshare_all(void)
{
	struct stat st;
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	if (!fstat(fd, &st))
		fallocate(fd, FALLOC_FL_UNSHARE_RANGE, 0, st.st_size);
	close(fd);
}

static long clone_to(int fd)
{
	int to = open(clone_path, O_CREAT | O_RDWR | O_TRUNC | O_CLOEXEC, 0600);
	long r = to < 0 ? -1 : ioctl(to, FICLONE, fd);
	int error = errno;

	if (to >= 0)
		close(to);
	usleep(rnd(5000));
	unlink(clone_path);
	if (!r)
		unshare_all();
	errno = error;
	return r;
}

static long do_clone(void) { return WITH(O_RDONLY, clone_to(fd)); }

static long dedupe_tail(int fd)
{
	struct {
		struct file_dedupe_range range;
		struct file_dedupe_range_info info;
	} arg = { { .src_offset = keep, .src_length = MIB, .dest_count = 1 },
		  { .dest_fd = fd, .dest_offset = keep + 2 * MIB } };

	if (truncate(path, keep + TAIL))
		return -1;
	if (ioctl(fd, FIDEDUPERANGE, &arg))
		return -1;
	unshare_all();
	return 0;
}

static long do_dedupe(void) { return WITH(O_RDONLY, dedupe_tail(fd)); }

static long copy_range(int fd)
{
	loff_t from = keep, to = keep + 2 * MIB;

	return copy_file_range(fd, &from, fd, &to, MIB, 0);
}

static long do_copy(void) { return WITH(O_RDWR, copy_range(fd)); }

static long run(const char *file, char *const argv[])
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return -1;
	if (!pid) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 1);
		dup2(null, 2);
		execvp(file, argv);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) < 0)
		return -1;
	errno = EIO;
	return status ? -1 : 0;
}

static long do_defrag(void)
{
	char *e4[] = { "e4defrag", path, NULL };
	char *fsr[] = { "xfs_fsr", path, NULL };

	/* A process of its own each time: seldom. */
	if (rnd(20)) {
		errno = EAGAIN;
		return -1;
	}
	return run("e4defrag", e4) && run("xfs_fsr", fsr) ? -1 : 0;
}

static long do_recheck(void)
{
	char *argv[] = { "dmsetup", "message", (char *)device, "0", "recheck", NULL };

	if (!device)
		return 0;
	return run("dmsetup", argv);
}

static const struct action {
	const char *name;
	long (*run)(void);
} actions[] = {
	{ "open", do_open }, { "open_nonblock", do_open_nonblock },
	{ "append", do_append }, { "write", do_write },
	{ "direct", do_direct }, { "fsync", do_fsync },
	{ "truncate", do_truncate }, { "ftruncate", do_ftruncate },
	{ "truncate_end", do_trunc_end }, { "allocate", do_allocate },
	{ "preallocate", do_preallocate }, { "punch", do_punch },
	{ "zero", do_zero }, { "collapse", do_collapse },
	{ "insert", do_insert }, { "chmod", do_chmod },
	{ "utimes", do_utimes }, { "xattr", do_xattr },
	{ "rename", do_rename }, { "rename_over", do_rename_over },
	{ "link", do_link },
	{ "nodump", do_nodump }, { "lease", do_lease }, { "read", do_read },
	{ "dontneed", do_dontneed }, { "map", do_map }, { "clone", do_clone },
	{ "dedupe", do_dedupe }, { "copy", do_copy }, { "defrag", do_defrag },
	{ "journal", do_journal }, { "remount", do_remount },
	{ "immutable", do_immutable }, { "quota", do_quota },
};

#define NR_ACTIONS	(sizeof(actions) / sizeof(*actions))
#define NR_ERRORS	2	/* the last ones, with -e */

static unsigned int done[NR_ACTIONS], refused[NR_ACTIONS];

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	const char *longest = "nothing";
	unsigned int i, n = 1000;
	double took, most = 0;
	int c;

	while ((c = getopt(argc, argv, "n:S:d:e:")) != -1) {
		switch (c) {
		case 'n': n = strtoul(optarg, NULL, 10); break;
		case 'S': state = strtoull(optarg, NULL, 10) * 2 + 1; break;
		case 'd': device = optarg; break;
		case 'e': disk = optarg; break;
		default: return 2;
		}
	}
	if (argc - optind != 2)
		errx(2, "usage: torture [-n ACTIONS] [-S SEED] [-d DEVICE] [-e DISK] FILE KEEP");
	snprintf(path, sizeof(path), "%s", argv[optind]);
	snprintf(other, sizeof(other), "%.4000s.other", path);
	snprintf(clone_path, sizeof(clone_path), "%.4000s.clone", path);
	keep = strtoull(argv[optind + 1], NULL, 10);
	memset(data, 0x77, sizeof(data));

	for (i = 0; i < n; i++) {
		unsigned int which = rnd(NR_ACTIONS - NR_ERRORS);
		double begun;

		if (disk && !rnd(4))
			which = NR_ACTIONS - 1 - rnd(NR_ERRORS);
		/* As often as not it should be direct when it meets us. */
		if (!rnd(6)) {
			do_recheck();
			usleep(rnd(20000));
		}
		begun = seconds();
		if (actions[which].run() < 0)
			refused[which]++;
		else
			done[which]++;
		took = seconds() - begun;
		if (took > most) {
			most = took;
			longest = actions[which].name;
		}
	}
	/* The device's part is all there is at the end. */
	if (truncate(path, keep))
		err(1, "truncate");
	for (i = 0; i < NR_ACTIONS; i++)
		printf("%s %u refused %u\n", actions[i].name, done[i],
		       refused[i]);
	printf("longest %.0f ms (%s)\n", most * 1000, longest);
	return 0;
}
