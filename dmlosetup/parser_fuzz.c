// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer's way into everything that reads text which others wrote: lines of
 * the tab, table lines, status lines, UUIDs and sizes. The first byte chooses.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "size.h"
#include "status.h"
#include "tab.h"
#include "table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_tab(const char *s)
{
	struct tab_entry entry;
	char why[TAB_WHY_SIZE];

	if (tab_parse_line(s, &entry, why) <= 0)
		return;
	/* What has passed can be relied upon. */
	if (!name_is_valid(entry.name) || *entry.file != '/' ||
	    entry.offset % SECTOR_SIZE)
		abort();
	free(entry.file);
}

static void fuzz_table(const char *s)
{
	struct table_line line;

	if (!table_parse(TARGET_FASTLOOP, s, &line)) {
		free(line.path);
		free(line.features);
	}
	table_parse(TARGET_LINEAR, s, &line);
}

static void fuzz_status(const char *s)
{
	struct status status;

	if (!status_parse(s, &status) && (!*status.mode || !*status.reason))
		abort();
}

static void fuzz_words(const char *s)
{
	struct ident id;
	uint64_t size;

	ident_parse(s, &id);
	size_parse(s, &size);
	name_number(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const fns[])(const char *) = {
		fuzz_tab, fuzz_table, fuzz_status, fuzz_words,
	};
	char *s;

	if (!size)
		return 0;
	/* Of the exact size, so that a byte too many is seen. */
	s = malloc(size);
	if (!s)
		return 0;
	memcpy(s, data + 1, size - 1);
	s[size - 1] = '\0';
	fns[*data % 4](s);
	free(s);
	return 0;
}
