// SPDX-License-Identifier: GPL-2.0-only
#include "kmsg.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* The longest record that the kernel gives out. */
#define RECORD_SIZE	8192

int kmsg_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		lseek(fd, 0, SEEK_END);
	return fd;
}

void kmsg_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

/*
 * "6,1234,567890,-;device-mapper: table: 253:0: fastloop: not a file (-EINVAL)"
 * and then a newline and more lines that do not matter.
 */
static bool copy_sentence(char *record, const char *start, char *buf,
			  size_t size)
{
	char *p, *end;

	record[strcspn(record, "\n")] = '\0';
	p = strchr(record, ';');
	if (!p || strncmp(p + 1, start, strlen(start)))
		return false;
	p += 1 + strlen(start);
	p = strstr(p, ": ");
	if (!p)
		return false;
	p += 2;
	end = strrchr(p, '(');
	if (end && end > p && !strncmp(end, "(-", 2))
		end[-1] = '\0';
	snprintf(buf, size, "%s", p);
	return true;
}

bool kmsg_table_error(int fd, dev_t devno, char *buf, size_t size)
{
	char record[RECORD_SIZE + 1], start[64];
	bool found = false;
	ssize_t n;

	snprintf(start, sizeof(start), "device-mapper: table: %u:%u: ",
		 major(devno), minor(devno));
	while (fd >= 0) {
		n = read(fd, record, RECORD_SIZE);
		if (n > 0) {
			record[n] = '\0';
			found |= copy_sentence(record, start, buf, size);
		} else if (!n || (errno != EPIPE && errno != EINTR)) {
			/* EPIPE: records were lost, the next one is there */
			break;
		}
	}
	return found;
}
