// SPDX-License-Identifier: GPL-2.0-only
/*
 * fastloop_id: names for udev's links, from the name and UUID of a device, and
 * whether it was set up with --partscan.
 *
 *	fastloop_id fastloop0 FASTLOOP-fe:0-c-0-0-0-a10a7097fbb43995-root
 *
 * A name is one component of a path and has no character that means something
 * to udev or to a shell: all others are written as \xNN.
 */
#include <blkid.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "escape.h"
#include "loopdm.h"
#include "table.h"

/* How long a look at a file may take. */
#define PATIENCE_MS	1000

static void print_encoded(const char *s)
{
	/* "." and ".." are no names of files. */
	if (*s == '.')
		printf("\\x%02x", *s++);
	for (; *s; s++)
		printf(strchr(PLAIN_CHARS "=", *s) ? "%c" : "\\x%02x",
		       (unsigned char)*s);
}

static void print_part(unsigned int part)
{
	if (part)
		printf("-part%u", part);
	putchar('\n');
}

/* "0" for fastloop0, "0p1" for its first partition. */
static void print_number(const char *name, unsigned int part)
{
	char suffix[16] = "", head[NAME_SIZE];
	size_t len = strlen(name), n;

	if (part)
		snprintf(suffix, sizeof(suffix), "p%u", part);
	n = strlen(suffix);
	if (n > len || strcmp(name + len - n, suffix))
		return;
	snprintf(head, sizeof(head), "%.*s", (int)(len - n), name);
	if (name_number(head) >= 0)
		printf("FASTLOOP_BY_NUM=%s\n", name + strlen(NAME_PREFIX));
}

/*
 * Does the path lead to the file? A child looks, and may be left behind: the disk to ask
 * can be the device that udev has this event of, suspended, or that of a server that
 * does not answer; who waits for the event would wait, too.
 */
static bool file_is_at(const char *path, const struct ident *id)
{
	struct pollfd answer = { .events = POLLIN };
	bool is = false;
	struct stat st;
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC))
		return false;
	child = fork();
	if (!child) {
		/* udev reads to the end of these. */
		close(STDOUT_FILENO);
		close(STDERR_FILENO);
		is = !stat(path, &st) && ident_is(id, &st);
		_exit(write(ends[1], &is, sizeof(is)) != sizeof(is));
	}
	close(ends[1]);
	answer.fd = ends[0];
	if (child > 0 && poll(&answer, 1, PATIENCE_MS) == 1) {
		if (read(ends[0], &is, sizeof(is)) != sizeof(is))
			is = false;
		waitpid(child, NULL, 0);
	} else if (child > 0) {
		kill(child, SIGKILL);
	}
	close(ends[0]);

	return is;
}

/* Not if it is too long for a name. */
static void print_file(const char *path, const struct ident *id)
{
	char *name = escape_path(path);

	if (strlen(name) <= NAME_MAX - strlen("@18446744073709551615")) {
		printf("FASTLOOP_BY_FILE=%s", name);
		/* A character that no name has, so that it is nobody else's. */
		if (id->offset)
			printf("@%llu", (unsigned long long)id->offset);
		putchar('\n');
	}
	free(name);
}

/* Does such a link lead to a loop device? */
static bool is_of_loop_device(const char *kind, const char *name)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *base;
	ssize_t len;

	snprintf(path, sizeof(path), "/dev/disk/by-loop-%s/%s", kind, name);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return false;
	target[len] = '\0';
	base = strrchr(target, '/');

	return !strncmp(base ? base + 1 : target, "loop", strlen("loop"));
}

/*
 * As systemd's udev names loop devices. One of those keeps its link: whoever looks
 * for it may not know of us.
 */
static void print_as_loop(const struct ident *id, unsigned int part)
{
	char ref[4 * REF_SIZE], name[sizeof(ref) + 16], suffix[16] = "";

	if (part)
		snprintf(suffix, sizeof(suffix), "-part%u", part);

	/* The file, not a part of it. */
	snprintf(name, sizeof(name), "%u:%u-%llu%s", id->major, id->minor,
		 (unsigned long long)id->inode, suffix);
	if (!id->offset && !id->sizelimit && !is_of_loop_device("inode", name))
		printf("FASTLOOP_BY_LOOP_INODE=%s\n", name);

	if (!*id->ref || !strcmp(id->ref, ".") || !strcmp(id->ref, "..") ||
	    blkid_encode_string(id->ref, ref, sizeof(ref)))
		return;
	snprintf(name, sizeof(name), "%s%s", ref, suffix);
	if (!is_of_loop_device("ref", name))
		printf("FASTLOOP_BY_LOOP_REF=%s\n", name);
}

int main(int argc, char **argv)
{
	const char *name = argv[1], *uuid = argv[2];
	struct loopdev dev;
	struct ident id;
	unsigned int part;

	if (argc != 3 || !name_is_valid(name))
		return EXIT_FAILURE;
	part = uuid_part_number(uuid, &uuid);
	if (ident_parse(uuid, &id))
		return EXIT_FAILURE;

	loopdm_init();
	if (!part && id.flags & IDENT_PARTSCAN)
		printf("FASTLOOP_PARTSCAN=1\n");
	printf("FASTLOOP_BY_NAME=%s\n", name);
	print_number(name, part);
	printf("FASTLOOP_BY_INODE=%u:%u-%llu", id.major, id.minor,
	       (unsigned long long)id.inode);
	if (id.offset)
		printf("-%llu", (unsigned long long)id.offset);
	print_part(part);
	if (*id.ref) {
		printf("FASTLOOP_BY_REF=");
		print_encoded(id.ref);
		print_part(part);
	}
	print_as_loop(&id, part);
	/* Partitions have no event when the file gets another name. */
	if (!part) {
		if (!loopdm_get_uuid(uuid, &dev) && dev.path &&
		    file_is_at(dev.path, &id))
			print_file(dev.path, &id);
		loopdev_free(&dev);
	}
	return EXIT_SUCCESS;
}
