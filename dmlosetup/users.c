// SPDX-License-Identifier: GPL-2.0-only
#include "users.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
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

#define DEV		"/dev/"

/*
 * What may be the node of a device. Anything else is not even looked at: it may
 * be on a server that does not answer any more.
 */
static bool is_below_dev(const char *path)
{
	return !strncmp(path, DEV, strlen(DEV));
}

static bool find_block(const char *path, dev_t *devno)
{
	struct stat st;

	if (!is_below_dev(path) || stat(path, &st) || !S_ISBLK(st.st_mode))
		return false;
	*devno = st.st_rdev;
	return true;
}

/* ---- who there is ---- */

struct user {
	dev_t devno;	/* of what it uses */
	char *name;
};

struct user_list {
	struct user *user;
	size_t nr;
};

/* Takes @name. */
static void add_user(struct user_list *list, dev_t devno, char *name)
{
	list->user = xrealloc(list->user,
			      (list->nr + 1) * sizeof(*list->user));
	list->user[list->nr++] = (struct user){ devno, name };
}

/* ---- file systems and swap ---- */

typedef void (*mount_fn)(dev_t devno, const char *dir, void *data);

/*
 * "36 35 253:0 / /mnt rw,noatime - ext4 /dev/mapper/x rw". Some file systems, as
 * btrfs, have a number of their own: there the source tells.
 */
static void parse_mount(char *line, mount_fn fn, void *data)
{
	unsigned int major, minor;
	char *dir, *rest, *source;
	dev_t devno;
	int n = 0;

	if (sscanf(line, "%*d %*d %u:%u %*s %n", &major, &minor, &n) != 2 || !n)
		return;
	devno = makedev(major, minor);
	dir = strtok_r(line + n, " ", &rest);
	if (!dir)
		return;
	if (!major) {
		source = strstr(rest, " - ");
		source = source ? strchr(source + 3, ' ') : NULL;
		source = source ? strtok_r(source, " ", &rest) : NULL;
		if (!source || !find_block(source, &devno))
			return;
	}
	fn(devno, dir, data);
}

/* Each that there is now. @dir is spelled as the kernel does it. */
static void each_mount(mount_fn fn, void *data)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t size = 0;

	while (f && getline(&line, &size, f) > 0)
		parse_mount(line, fn, data);
	free(line);
	if (f)
		fclose(f);
}

struct search {
	dev_t devno;
	bool found;
};

static void is_it(dev_t devno, const char *dir __attribute__((unused)),
		  void *data)
{
	struct search *search = data;

	if (devno == search->devno)
		search->found = true;
}

bool users_have_mounted(dev_t devno)
{
	struct search search = { devno, false };

	each_mount(is_it, &search);
	return search.found;
}

static void add_mount(dev_t devno, const char *dir, void *data)
{
	add_user(data, devno, xstrdup(dir));
}

static void find_swaps(struct user_list *swaps)
{
	FILE *f = fopen("/proc/swaps", "re");
	char *line = NULL, *path, *rest;
	size_t size = 0;
	dev_t devno;

	while (f && getline(&line, &size, f) > 0) {
		path = strtok_r(line, " \t", &rest);
		if (path && find_block(path, &devno))
			add_user(swaps, devno, xstrdup("swap"));
	}
	free(line);
	if (f)
		fclose(f);
}

/* ---- processes ---- */

/* The beginning of a small file; "" if it cannot be read. */
static void read_file(int dir, const char *path, char *buf, size_t size)
{
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (fd >= 0)
		close(fd);
	buf[n < 0 ? 0 : n] = '\0';
}

/* O_PATH: it knows the node, and does not keep the device. */
static bool keeps_open(int proc, const char *fd)
{
	static const char key[] = "flags:";
	char path[32], info[256];
	const char *flags;

	snprintf(path, sizeof(path), "fdinfo/%s", fd);
	read_file(proc, path, info, sizeof(info));
	flags = strstr(info, key);
	return !flags || !(strtoul(flags + strlen(key), NULL, 8) & O_PATH);
}

static bool has_device(int proc, int fds, const char *fd, dev_t *devno)
{
	char path[PATH_MAX];
	ssize_t n = readlinkat(fds, fd, path, sizeof(path) - 1);
	struct stat st;

	if (n < 0)
		return false;
	path[n] = '\0';
	if (!is_below_dev(path) || fstatat(fds, fd, &st, 0) ||
	    !S_ISBLK(st.st_mode) || !keeps_open(proc, fd))
		return false;
	*devno = st.st_rdev;
	return true;
}

static char *process_name(int proc, const char *pid)
{
	char comm[32];

	read_file(proc, "comm", comm, sizeof(comm));
	comm[strcspn(comm, "\n")] = '\0';
	return xasprintf("%s[%s]", comm, pid);
}

/* Somebody else's descriptors are for root to see. */
static void look_at_process(struct user_list *openers, int proc,
			    const char *pid)
{
	int fds = openat(proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fds < 0 ? NULL : fdopendir(fds);
	struct dirent *de;
	dev_t devno;

	if (!dir && fds >= 0)
		close(fds);
	while (dir && (de = readdir(dir)))
		if (has_device(proc, fds, de->d_name, &devno))
			add_user(openers, devno, process_name(proc, pid));
	if (dir)
		closedir(dir);
}

static void find_openers(struct user_list *openers)
{
	DIR *dir = opendir("/proc");
	struct dirent *de;
	int fd;

	while (dir && (de = readdir(dir))) {
		if (!isdigit((unsigned char)*de->d_name) ||
		    atol(de->d_name) == getpid())
			continue;
		fd = openat(dirfd(dir), de->d_name,
			    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			continue;
		look_at_process(openers, fd, de->d_name);
		close(fd);
	}
	if (dir)
		closedir(dir);
}

/* ---- all of them ---- */

struct known {
	struct user_list mounts, swaps, openers;
};

static const struct known *look_around(void)
{
	static struct known known;
	static bool done;

	if (!done) {
		each_mount(add_mount, &known.mounts);
		find_swaps(&known.swaps);
		find_openers(&known.openers);
		done = true;
	}
	return &known;
}

struct words {
	char **word;
	size_t nr;
};

/* Returns false if it is there already. Takes @word, or frees it. */
static bool add_word(struct words *words, char *word)
{
	size_t i;

	for (i = 0; i < words->nr; i++) {
		if (!strcmp(words->word[i], word)) {
			free(word);
			return false;
		}
	}
	words->word = xrealloc(words->word,
			       (words->nr + 1) * sizeof(*words->word));
	words->word[words->nr++] = word;
	return true;
}

static void add_users_in(struct words *words, const struct user_list *list,
			 dev_t devno)
{
	size_t i;

	for (i = 0; i < list->nr; i++)
		if (list->user[i].devno == devno)
			add_word(words, xstrdup(list->user[i].name));
}

static void add_users(struct words *words, dev_t devno, unsigned int depth);

struct holders {
	struct words *words;
	unsigned int depth;
};

static int add_holder(const struct sysfs_dm *holder, void *data)
{
	const struct holders *h = data;
	char *node = *holder->name ?
		xasprintf(DEV_MAPPER "%s", holder->name) :
		sysfs_node(holder->devno);

	if (node && add_word(h->words, node))
		add_users(h->words, holder->devno, h->depth + 1);
	return 0;
}

static void add_users(struct words *words, dev_t devno, unsigned int depth)
{
	const struct known *known = look_around();
	struct holders h = { words, depth };

	if (depth == MAX_DEPTH)
		return;
	add_users_in(words, &known->mounts, devno);
	sysfs_each_holder(devno, add_holder, &h);
	add_users_in(words, &known->swaps, devno);
	add_users_in(words, &known->openers, devno);
}

/* With a comma between. Frees them. */
static char *join(struct words *words)
{
	char *all = NULL, *before;
	size_t i;

	for (i = 0; i < words->nr; i++) {
		before = all;
		all = xasprintf("%s%s%s", before ? before : "",
				before ? "," : "", words->word[i]);
		free(before);
		free(words->word[i]);
	}
	free(words->word);
	return all;
}

char *users_of(dev_t devno)
{
	struct words words = { NULL, 0 };

	add_users(&words, devno, 0);
	return join(&words);
}
