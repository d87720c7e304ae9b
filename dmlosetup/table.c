// SPDX-License-Identifier: GPL-2.0-only
#include "table.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool has_prefix(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

void ident_format(const struct ident *id, char uuid[static UUID_SIZE])
{
	snprintf(uuid, UUID_SIZE, UUID_PREFIX "%x:%x-%" PRIx64 "-%" PRIx64
		 "-%" PRIx64 "-%x-%016" PRIx64, id->major, id->minor, id->inode,
		 id->offset, id->sizelimit, id->flags, id->random);
}

int ident_parse(const char *uuid, struct ident *id)
{
	char again[UUID_SIZE];

	if (sscanf(uuid, UUID_PREFIX "%8x:%8x-%16" SCNx64 "-%16" SCNx64
		   "-%16" SCNx64 "-%8x-%16" SCNx64, &id->major, &id->minor,
		   &id->inode, &id->offset, &id->sizelimit, &id->flags,
		   &id->random) != 7)
		return -EINVAL;
	/* sscanf() is generous: only our own spelling is ours. */
	ident_format(id, again);
	return strcmp(uuid, again) ? -EINVAL : 0;
}

void uuid_format_free(uint64_t random, char uuid[static UUID_SIZE])
{
	snprintf(uuid, UUID_SIZE, UUID_PREFIX_FREE "%016" PRIx64, random);
}

bool uuid_is_ours(const char *uuid)
{
	return has_prefix(uuid, UUID_PREFIX);
}

bool uuid_is_free(const char *uuid)
{
	return has_prefix(uuid, UUID_PREFIX_FREE);
}

bool uuid_is_part_of(const char *uuid, const char *parent)
{
	const char *digits;
	size_t n;

	if (!has_prefix(uuid, "part"))
		return false;
	digits = uuid + strlen("part");
	n = strspn(digits, "0123456789");
	return n && digits[n] == '-' && !strcmp(digits + n + 1, parent);
}

int name_number(const char *name)
{
	char again[NAME_SIZE];
	unsigned long n;

	if (!has_prefix(name, NAME_PREFIX))
		return -1;
	n = strtoul(name + strlen(NAME_PREFIX), NULL, 10);
	if (n > INT_MAX)
		return -1;
	snprintf(again, sizeof(again), NAME_PREFIX "%lu", n);
	return strcmp(name, again) ? -1 : (int)n;
}

bool name_is_valid(const char *name)
{
	size_t len = strlen(name);

	return len && len < NAME_SIZE && strspn(name, "0123456789"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"#+-.:=@_") == len && strcmp(name, ".") && strcmp(name, "..") &&
		strcmp(name, "control");
}

/* The kernel's isspace(), which knows Latin-1: 0xA0 is a blank. */
static bool is_blank(unsigned char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == 0xa0;
}

static int hex_digit(unsigned char c)
{
	if (!isxdigit(c))
		return -1;
	return isdigit(c) ? c - '0' : tolower(c) - 'a' + 10;
}

/* Undoes %XX in place. Returns false for a bad code, or one for NUL. */
static bool decode_percent(char *s)
{
	char *out = s;
	int hi, lo;

	for (; *s; s++) {
		if (*s == '%') {
			hi = hex_digit(s[1]);
			lo = hi < 0 ? -1 : hex_digit(s[2]);
			if (lo < 0 || !(hi | lo))
				return false;
			*out++ = hi << 4 | lo;
			s += 2;
		} else {
			*out++ = *s;
		}
	}
	*out = '\0';
	return true;
}

char *path_unquote(const char *word)
{
	char *path = malloc(strlen(word) + 1);
	char *out = path;

	if (!path)
		return NULL;
	for (; *word; word++) {
		if (*word == '\\' && word[1])
			word++;
		*out++ = *word;
	}
	*out = '\0';

	if (*path == '%') {
		memmove(path, path + 1, strlen(path));
		if (!decode_percent(path)) {
			free(path);
			errno = EINVAL;
			return NULL;
		}
	}
	return path;
}

/*
 * Length of the word that @s starts with, the way dm_split_args() sees it: a
 * backslash takes the next byte along.
 */
static size_t word_length(const char *s)
{
	size_t n = 0;

	while (s[n] && !is_blank(s[n]))
		n += s[n] == '\\' && s[n + 1] ? 2 : 1;
	return n;
}

static int parse_fastloop(const char *params, struct table_line *line)
{
	char *word, *end;
	size_t n;

	while (is_blank(*params))
		params++;
	n = word_length(params);
	line->offset = strtoull(params + n, &end, 10);
	if (!n || end == params + n || (*end && !is_blank(*end)))
		return -EINVAL;

	word = strndup(params, n);
	if (!word)
		return -ENOMEM;
	line->path = path_unquote(word);
	free(word);
	return line->path ? 0 : -errno;
}

static int parse_linear(const char *params, struct table_line *line)
{
	uint64_t sectors;
	char end;

	if (sscanf(params, "%u:%u %" SCNu64 "%c", &line->major, &line->minor,
		   &sectors, &end) != 3 || sectors > UINT64_MAX / SECTOR_SIZE)
		return -EINVAL;
	line->offset = sectors * SECTOR_SIZE;
	return 0;
}

void table_format_fastloop(int fd, uint64_t offset,
			   char params[static PARAMS_SIZE])
{
	snprintf(params, PARAMS_SIZE, "/proc/self/fd/%d %" PRIu64, fd, offset);
}

void table_format_linear(unsigned int major, unsigned int minor,
			 uint64_t offset, char params[static PARAMS_SIZE])
{
	snprintf(params, PARAMS_SIZE, "%u:%u %" PRIu64, major, minor,
		 offset / SECTOR_SIZE);
}

int table_parse(const char *target, const char *params, struct table_line *line)
{
	memset(line, 0, sizeof(*line));
	if (!strcmp(target, TARGET_FASTLOOP))
		return parse_fastloop(params, line);
	if (!strcmp(target, TARGET_LINEAR))
		return parse_linear(params, line);
	return -EINVAL;
}
