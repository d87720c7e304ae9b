// SPDX-License-Identifier: GPL-2.0-only
#include "table.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

/* In a reference. libdevmapper knows it as a plain character, as others are. */
#define QUOTE	"="

/* Left free behind the UUID of a device for that of its partitions. */
#define PART_ROOM	(sizeof(UUID_PREFIX_PART "999-") - 1)

static bool has_prefix(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

static int hex_digit(unsigned char c)
{
	if (!isxdigit(c))
		return -1;
	return isdigit(c) ? c - '0' : tolower(c) - 'a' + 10;
}

/* Undoes =XX or %XX in place. Returns false for a bad code, or one for NUL. */
static bool decode(char *s, char quote)
{
	char *out = s;
	int hi, lo;

	for (; *s; s++) {
		if (*s == quote) {
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

static void quote_ref(const char *ref, char out[static 3 * REF_SIZE])
{
	for (; *ref; ref++)
		out += sprintf(out, strchr(PLAIN_CHARS, *ref) ? "%c" : QUOTE "%02X",
			       (unsigned char)*ref);
	*out = '\0';
}

int ident_format(const struct ident *id, char uuid[static UUID_SIZE])
{
	char ref[3 * REF_SIZE];
	size_t n;

	n = snprintf(uuid, UUID_SIZE, UUID_PREFIX "%x:%x-%" PRIx64 "-%" PRIx64
		     "-%" PRIx64 "-%x-%016" PRIx64, id->major, id->minor,
		     id->inode, id->offset, id->sizelimit, id->flags,
		     id->random);
	if (!*id->ref)
		return 0;
	quote_ref(id->ref, ref);
	n += snprintf(uuid + n, UUID_SIZE - n, "-%s", ref);
	return n + PART_ROOM < UUID_SIZE ? 0 : -E2BIG;
}

int ident_parse(const char *uuid, struct ident *id)
{
	char again[UUID_SIZE], ref[UUID_SIZE];
	int n;

	memset(id, 0, sizeof(*id));
	if (sscanf(uuid, UUID_PREFIX "%8x:%8x-%16" SCNx64 "-%16" SCNx64
		   "-%16" SCNx64 "-%8x-%16" SCNx64 "%n", &id->major, &id->minor,
		   &id->inode, &id->offset, &id->sizelimit, &id->flags,
		   &id->random, &n) != 7)
		return -EINVAL;
	if (uuid[n] == '-') {
		snprintf(ref, sizeof(ref), "%s", uuid + n + 1);
		if (!decode(ref, *QUOTE) || strlen(ref) >= REF_SIZE)
			return -EINVAL;
		strcpy(id->ref, ref);
	}
	/* sscanf() is generous: only our own spelling is ours. */
	return ident_format(id, again) || strcmp(uuid, again) ? -EINVAL : 0;
}

void ident_prefix(const struct stat *st, char prefix[static UUID_SIZE])
{
	snprintf(prefix, UUID_SIZE, UUID_PREFIX "%x:%x-%" PRIx64 "-",
		 major(st->st_dev), minor(st->st_dev), (uint64_t)st->st_ino);
}

bool ident_is(const struct ident *id, const struct stat *st)
{
	return id->inode == st->st_ino &&
		makedev(id->major, id->minor) == st->st_dev;
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

bool uuid_format_part(unsigned int number, const char *parent,
		      char uuid[static UUID_SIZE])
{
	return snprintf(uuid, UUID_SIZE, UUID_PREFIX_PART "%u-%s", number, parent) <
		UUID_SIZE;
}

unsigned int uuid_part_number(const char *uuid, const char **parent)
{
	unsigned long number;
	const char *digits;
	size_t n;

	if (!has_prefix(uuid, UUID_PREFIX_PART))
		return 0;
	digits = uuid + strlen(UUID_PREFIX_PART);
	n = strspn(digits, DIGITS);
	if (!n || digits[n] != '-')
		return 0;
	number = strtoul(digits, NULL, 10);
	if (!number || number > UINT_MAX)
		return 0;
	*parent = digits + n + 1;
	return number;
}

bool uuid_is_part_of(const char *uuid, const char *parent)
{
	const char *its;

	return uuid_part_number(uuid, &its) && !strcmp(its, parent);
}

bool name_format_part(const char *parent, unsigned int number,
		      char name[static NAME_SIZE])
{
	bool digit = isdigit((unsigned char)parent[strlen(parent) - 1]);

	return snprintf(name, NAME_SIZE, "%s%s%u", parent, digit ? "p" : "",
			number) < NAME_SIZE;
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

/* What follows "253:", if that is no more than digits; otherwise NULL. */
static const char *minor_digits(const char *s)
{
	size_t n = strspn(s, DIGITS);

	if (!n || s[n] != ':')
		return NULL;
	s += n + 1;
	return s[strspn(s, DIGITS)] ? NULL : s;
}

bool name_is_devno(const char *s)
{
	const char *minor = minor_digits(s);

	return minor && *minor;
}

/* Nor "253:": partitions on it would be called like numbers. */
bool name_is_valid(const char *name)
{
	size_t len = strlen(name);

	return len && len < NAME_SIZE &&
		strspn(name, PLAIN_CHARS QUOTE) == len &&
		strcmp(name, ".") && strcmp(name, "..") &&
		strcmp(name, "control") && !minor_digits(name);
}

/* The kernel's isspace(), which knows Latin-1: 0xA0 is a blank. */
static bool is_blank(unsigned char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == 0xa0;
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
		if (!decode(path, '%')) {
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

/* The next word behind @s, whose length is *@n; NULL if there is none. */
static const char *next_word(const char *s, size_t *n)
{
	while (is_blank(*s))
		s++;
	*n = word_length(s);
	return *n ? s : NULL;
}

/* Is this word "<key>:<value>"? Then that is where the value begins. */
static const char *feature_value(const char *word, const char *key)
{
	size_t len = strlen(key);

	return !strncmp(word, key, len) && word[len] == ':' ?
		word + len + 1 : NULL;
}

char *features_set(const char *features, const char *key, unsigned int value)
{
	const char *word = features ? features : "";
	char *words, *whole = NULL;
	unsigned int nr = 1;
	size_t n, len = 0;

	/* The words that stay, behind each other; the first is their number. */
	words = malloc(strlen(word) + 2);
	if (!words)
		return NULL;
	word = next_word(word, &n);
	while (word && (word = next_word(word + n, &n))) {
		if (feature_value(word, key))
			continue;
		len += sprintf(words + len, " %.*s", (int)n, word);
		nr++;
	}
	words[len] = '\0';
	if (asprintf(&whole, "%u%s %s:%u", nr, words, key, value) < 0)
		whole = NULL;
	free(words);
	return whole;
}

unsigned int features_get(const char *features, const char *key)
{
	const char *value, *word = features ? features : "";
	size_t n = 0;

	while ((word = next_word(word + n, &n))) {
		value = feature_value(word, key);
		if (value)
			return strtoul(value, NULL, 10);
	}
	return 0;
}

/* What stands behind the offset, without blanks at its ends. */
static int parse_features(const char *s, struct table_line *line)
{
	size_t len;

	while (is_blank(*s))
		s++;
	for (len = strlen(s); len && is_blank(s[len - 1]); len--)
		;
	if (!len || (len == 1 && *s == '0'))
		return 0;
	line->features = strndup(s, len);
	return line->features ? 0 : -ENOMEM;
}

static int parse_fastloop(const char *params, struct table_line *line)
{
	char *word, *end;
	size_t n;
	int rc;

	params = next_word(params, &n);
	if (!params)
		return -EINVAL;
	line->offset = strtoull(params + n, &end, 10);
	if (end == params + n || (*end && !is_blank(*end)))
		return -EINVAL;

	word = strndup(params, n);
	if (!word)
		return -ENOMEM;
	line->path = path_unquote(word);
	rc = line->path ? 0 : -errno;
	free(word);
	if (!rc)
		rc = parse_features(end, line);
	if (rc) {
		free(line->path);
		line->path = NULL;
	}
	return rc;
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

bool table_format_fastloop(int fd, uint64_t offset, const char *features,
			   char params[static PARAMS_SIZE])
{
	return snprintf(params, PARAMS_SIZE, "/proc/self/fd/%d %" PRIu64 "%s%s",
			fd, offset, features ? " " : "",
			features ? features : "") < PARAMS_SIZE;
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
