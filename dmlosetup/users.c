// SPDX-License-Identifier: GPL-2.0-only
#include "users.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "devname.h"
#include "sysfs.h"
#include "util.h"

/* Devices that stand on one another. */
#define MAX_DEPTH	8

/* *@users is the words so far; NULL: none. */
static void __attribute__((format(printf, 2, 3)))
add(char **users, const char *fmt, ...)
{
	char word[PATH_MAX + 64], *before = *users;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(word, sizeof(word), fmt, ap);
	va_end(ap);
	*users = before ? xasprintf("%s,%s", before, word) : xstrdup(word);
	free(before);
}

static bool is_block(const char *path, dev_t devno)
{
	struct stat st;

	return !stat(path, &st) && S_ISBLK(st.st_mode) && st.st_rdev == devno;
}

/* ---- file systems and swap ---- */

/*
 * "36 35 253:0 / /mnt rw,noatime - ext4 /dev/mapper/x rw". Some file systems, as
 * btrfs, have a number of their own: there the source tells. *@dir is where, as
 * the kernel spells it.
 */
static bool is_mount_of(char *line, dev_t devno, char **dir)
{
	unsigned int major, minor;
	char *rest, *source;
	int n = 0;

	if (sscanf(line, "%*d %*d %u:%u %*s %n", &major, &minor, &n) != 2 || !n)
		return false;
	*dir = strtok_r(line + n, " ", &rest);
	if (!*dir || major)
		return *dir && makedev(major, minor) == devno;
	source = strstr(rest, "- ");
	source = source ? strchr(source + 2, ' ') : NULL;
	if (!source)
		return false;
	source = strtok_r(source, " ", &rest);
	return source && *source == '/' && is_block(source, devno);
}

/* Returns whether there are any; @users may be NULL. */
static bool add_mounts(char **users, dev_t devno)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, *dir;
	bool found = false;
	size_t size = 0;

	while (f && getline(&line, &size, f) > 0) {
		if (!is_mount_of(line, devno, &dir))
			continue;
		found = true;
		if (users)
			add(users, "%s", dir);
	}
	free(line);
	if (f)
		fclose(f);
	return found;
}

bool users_have_mounted(dev_t devno)
{
	return add_mounts(NULL, devno);
}

static void add_swap(char **users, dev_t devno)
{
	FILE *f = fopen("/proc/swaps", "re");
	char *line = NULL, *rest;
	size_t size = 0;

	while (f && getline(&line, &size, f) > 0)
		if (*line == '/' && is_block(strtok_r(line, " \t", &rest), devno))
			add(users, "swap");
	free(line);
	if (f)
		fclose(f);
}

/* ---- processes ---- */

struct opener {
	dev_t devno;
	char *name;
};

static struct {
	struct opener *e;
	size_t nr;
	bool known;
} openers;

static void read_comm(int proc, char *comm, size_t size)
{
	int fd = openat(proc, "comm", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, comm, size - 1);

	if (fd >= 0)
		close(fd);
	comm[n < 0 ? 0 : n] = '\0';
	comm[strcspn(comm, "\n")] = '\0';
}

static void add_opener(int proc, const char *pid, dev_t devno)
{
	char comm[32];
	char *name;
	size_t i;

	read_comm(proc, comm, sizeof(comm));
	name = xasprintf("%s[%s]", comm, pid);
	/* One process may have opened it several times. */
	for (i = openers.nr; i-- && !strcmp(openers.e[i].name, name); ) {
		if (openers.e[i].devno == devno) {
			free(name);
			return;
		}
	}
	openers.e = xrealloc(openers.e, (openers.nr + 1) * sizeof(*openers.e));
	openers.e[openers.nr++] = (struct opener){ devno, name };
}

/* Somebody else's descriptors are for root to see. */
static void look_at_process(int proc, const char *pid)
{
	int fd = openat(proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;
	struct stat st;

	if (!dir && fd >= 0)
		close(fd);
	while (dir && (de = readdir(dir)))
		if (!fstatat(fd, de->d_name, &st, 0) && S_ISBLK(st.st_mode))
			add_opener(proc, pid, st.st_rdev);
	if (dir)
		closedir(dir);
}

static void find_openers(void)
{
	DIR *dir = openers.known ? NULL : opendir("/proc");
	struct dirent *de;
	int fd;

	openers.known = true;
	while (dir && (de = readdir(dir))) {
		if (!isdigit((unsigned char)*de->d_name) ||
		    atol(de->d_name) == getpid())
			continue;
		fd = openat(dirfd(dir), de->d_name,
			    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			continue;
		look_at_process(fd, de->d_name);
		close(fd);
	}
	if (dir)
		closedir(dir);
}

static void add_processes(char **users, dev_t devno)
{
	size_t i;

	find_openers();
	for (i = 0; i < openers.nr; i++)
		if (openers.e[i].devno == devno)
			add(users, "%s", openers.e[i].name);
}

/* ---- all of them ---- */

static void add_users(char **users, dev_t devno, unsigned int depth);

struct holders {
	char **users;
	unsigned int depth;
};

static int add_holder(const struct sysfs_dm *holder, void *data)
{
	const struct holders *h = data;

	add(h->users, DEV_MAPPER "%s", holder->name);
	add_users(h->users, holder->devno, h->depth + 1);
	return 0;
}

static void add_users(char **users, dev_t devno, unsigned int depth)
{
	struct holders h = { users, depth };

	if (depth == MAX_DEPTH)
		return;
	add_mounts(users, devno);
	sysfs_each_holder(devno, add_holder, &h);
	add_swap(users, devno);
	add_processes(users, devno);
}

char *users_of(dev_t devno)
{
	char *users = NULL;

	add_users(&users, devno, 0);
	return users;
}
