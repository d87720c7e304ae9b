// SPDX-License-Identifier: GPL-2.0-only
/*
 * only_bytes FILE BYTES: whether FILE consists of these bytes. BYTES is characters and
 * backslashes with three octal digits. Says where the first other one is.
 */
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static unsigned char buf[1 << 20];
static bool allowed[256];

static void allow(const char *bytes)
{
	unsigned int c;

	while (*bytes) {
		c = (unsigned char)*bytes++;
		if (c == '\\') {
			if (strspn(bytes, "01234567") < 3 ||
			    sscanf(bytes, "%3o", &c) != 1 || c > 255)
				errx(2, "a backslash before %s", bytes);
			bytes += 3;
		}
		allowed[c] = true;
	}
}

int main(int argc, char **argv)
{
	unsigned long long at = 0;
	ssize_t got, i;
	int fd;

	if (argc != 3)
		errx(2, "usage: only_bytes FILE BYTES");
	allow(argv[2]);
	fd = open(argv[1], O_RDONLY);
	if (fd < 0)
		err(2, "%s", argv[1]);
	while ((got = read(fd, buf, sizeof(buf))) > 0) {
		for (i = 0; i < got; i++)
			if (!allowed[buf[i]])
				errx(1, "%s has 0x%02x at %llu", argv[1], buf[i], at + i);
		at += got;
	}
	if (got < 0)
		err(2, "%s at %llu", argv[1], at);
	return 0;
}
