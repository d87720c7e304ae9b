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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

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

int main(int argc, char **argv)
{
	const char *name = argv[1], *uuid = argv[2];
	struct ident id;
	unsigned int part;

	if (argc != 3 || !name_is_valid(name))
		return EXIT_FAILURE;
	part = uuid_part_number(uuid, &uuid);
	if (ident_parse(uuid, &id))
		return EXIT_FAILURE;

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
	return EXIT_SUCCESS;
}
