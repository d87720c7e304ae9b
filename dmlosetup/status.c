// SPDX-License-Identifier: GPL-2.0-only
#include "status.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char *const keys[NR_STATUS_KEYS] = {
	[STATUS_EXTENTS]	= "extents",
	[STATUS_KNOWN]		= "known",
	[STATUS_HOLES]		= "holes",
	[STATUS_RECALLS]	= "recalls",
	[STATUS_REMAPPED_READS]	= "remapped_reads",
	[STATUS_REMAPPED_WRITES] = "remapped_writes",
	[STATUS_ZERO_READS]	= "zero_reads",
	[STATUS_FILLS]		= "fills",
	[STATUS_FILE_READS]	= "file_reads",
	[STATUS_FILE_WRITES]	= "file_writes",
	[STATUS_FLUSHES]	= "flushes",
	[STATUS_SYNCS]		= "syncs",
};

static const char *skip_blanks(const char *s)
{
	return s + strspn(s, " \n");
}

static size_t word_length(const char *s)
{
	return strcspn(s, " \n");
}

static bool take_word(const char **s, char word[static STATUS_WORD])
{
	size_t n;

	*s = skip_blanks(*s);
	n = word_length(*s);
	if (!n || n >= STATUS_WORD)
		return false;
	memcpy(word, *s, n);
	word[n] = '\0';
	*s += n;
	return true;
}

static int find_key(const char *s, size_t len)
{
	int i;

	for (i = 0; i < NR_STATUS_KEYS; i++)
		if (strlen(keys[i]) == len && !strncmp(keys[i], s, len))
			return i;
	return -1;
}

/* One "key:value" of @len characters. */
static int parse_pair(const char *s, size_t len, struct status *status)
{
	const char *colon = memchr(s, ':', len);
	char *end;
	int key;

	if (!colon)
		return -EINVAL;
	key = find_key(s, colon - s);
	if (key < 0)
		return 0;
	if (!isdigit((unsigned char)colon[1]))
		return -EINVAL;
	errno = 0;
	status->value[key] = strtoumax(colon + 1, &end, 10);
	return errno || end != s + len ? -EINVAL : 0;
}

int status_parse(const char *params, struct status *status)
{
	size_t len;
	int rc = 0;

	memset(status, 0, sizeof(*status));
	if (!take_word(&params, status->mode) ||
	    !take_word(&params, status->reason))
		return -EINVAL;
	for (;;) {
		params = skip_blanks(params);
		len = word_length(params);
		if (rc || !len)
			return rc;
		rc = parse_pair(params, len, status);
		params += len;
	}
}
