// SPDX-License-Identifier: GPL-2.0-only
/*
 * fail_nth: loads a table again and again, and each time another allocation of this task
 * fails: the first, the second, … until there are no more. What has been refused was for
 * want of memory, and has left nothing: no user of the module, no lease, nobody who has
 * the file open. What has been loaded all the same is in the mode that was asked for.
 *
 * For kernels with CONFIG_FAULT_INJECTION; failslab must not ignore allocations that wait.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static const char usage[] =
"usage: fail_nth NAME SECTORS ARGUMENTS MODE FILE\n"
"NAME is a device without a table, SECTORS and ARGUMENTS are those of a table of\n"
"the target fastloop, MODE is what its status has to begin with, FILE what it maps.\n";

#define REFCNT "/sys/module/dm_fastloop/refcnt"

static const char *name, *arguments, *mode, *file;
static uint64_t sectors;
static int control, nth, refcnt, kmsg;
static char buf[16384] __attribute__((aligned(8)));

static struct dm_ioctl *prepare(uint32_t flags)
{
	struct dm_ioctl *dmi = (void *)buf;

	memset(buf, 0, sizeof(buf));
	dmi->version[0] = DM_VERSION_MAJOR;
	dmi->data_size = sizeof(buf);
	dmi->data_start = sizeof(*dmi);
	dmi->flags = flags;
	snprintf(dmi->name, sizeof(dmi->name), "%s", name);

	return dmi;
}

static void write_number(int fd, unsigned int number)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%u", number);

	if (pwrite(fd, text, n, 0) != n)
		err(2, "fail-nth");
}

static unsigned int read_number(int fd, const char *what)
{
	char text[16] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
		err(2, "%s", what);
	return strtoul(text, NULL, 10);
}

/* Returns the error; *failed: there was an n-th allocation. */
static int load(unsigned int n, bool *failed)
{
	struct dm_ioctl *dmi = prepare(0);
	struct dm_target_spec *spec = (void *)(buf + dmi->data_start);
	int error;

	dmi->target_count = 1;
	spec->length = sectors;
	strcpy(spec->target_type, "fastloop");
	strcpy((char *)(spec + 1), arguments);

	dprintf(kmsg, "fastloop-test: allocation %u\n", n);
	write_number(nth, n);
	error = ioctl(control, DM_TABLE_LOAD, buf) ? errno : 0;
	*failed = !read_number(nth, "fail-nth");
	write_number(nth, 0);

	return error;
}

static void check_loaded(unsigned int n)
{
	struct dm_ioctl *dmi = prepare(DM_QUERY_INACTIVE_TABLE_FLAG);
	const char *status;

	if (ioctl(control, DM_TABLE_STATUS, buf))
		err(1, "%u: status", n);
	status = buf + dmi->data_start + sizeof(struct dm_target_spec);
	if (!dmi->target_count || strncmp(status, mode, strlen(mode)))
		errx(1, "%u: loaded, but not '%s': %s", n, mode, status);
	prepare(0);
	if (ioctl(control, DM_TABLE_CLEAR, buf))
		err(1, "%u: clear", n);
}

static void check_nothing_left(unsigned int n)
{
	int fd;

	if (read_number(refcnt, REFCNT))
		errx(1, "%u: the module is in use", n);
	/* That is refused while somebody has it open for writing. */
	fd = open(file, O_RDONLY);
	if (fd < 0 || fcntl(fd, F_SETLEASE, F_RDLCK))
		err(1, "%u: %s is open", n, file);
	close(fd);
	/* This does not wait for a lease. */
	fd = open(file, O_RDWR | O_NONBLOCK);
	if (fd < 0)
		err(1, "%u: %s is leased", n, file);
	close(fd);
}

static int open_or_die(const char *path, int flags)
{
	int fd = open(path, flags);

	if (fd < 0)
		err(2, "%s", path);
	return fd;
}

int main(int argc, char **argv)
{
	unsigned int n = 0, refused = 0;
	bool failed = true;
	int error;

	if (argc != 6) {
		fputs(usage, stderr);
		return 2;
	}
	name = argv[1];
	sectors = strtoull(argv[2], NULL, 10);
	arguments = argv[3];
	mode = argv[4];
	file = argv[5];
	control = open_or_die("/dev/mapper/control", O_RDWR);
	nth = open_or_die("/proc/thread-self/fail-nth", O_RDWR);
	refcnt = open_or_die(REFCNT, O_RDONLY);
	kmsg = open_or_die("/dev/kmsg", O_WRONLY);
	/* What is touched for the first time would be allocated, too. */
	if (mlockall(MCL_CURRENT))
		err(2, "mlockall");

	while (failed) {
		error = load(++n, &failed);
		if (error && error != ENOMEM)
			errx(1, "%u: refused, but: %s", n, strerror(error));
		if (error && !failed)
			errx(1, "%u: refused without a failure", n);
		refused += !!error;
		if (!error)
			check_loaded(n);
		check_nothing_left(n);
	}
	dprintf(kmsg, "fastloop-test: no more\n");
	printf("%u allocations, %u of them indispensable\n", n - 1, refused);
	return 0;
}
