// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests for tab.c, status.c, size_format() and the map's cells, as a TAP
 * stream. The last one is random, from a fixed seed; an argument is a number of
 * rounds for it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "extents.h"
#include "map.h"
#include "size.h"
#include "status.h"
#include "tab.h"
#include "util.h"

static unsigned long rounds = 100000;

/* ---- lines of the tab ---- */

static const struct {
	const char *line, *name, *file;
	uint64_t offset, sizelimit;
	unsigned int flags;
} lines[] = {
	{ "a /img", "a", "/img", 0, 0, 0 },
	{ "\t a \t/img  \n", "a", "/img", 0, 0, 0 },
	{ "a /img defaults\r\n", "a", "/img", 0, 0, TAB_DEFAULTS },
	{ "a /my\\040disk\\134.img", "a", "/my disk\\.img", 0, 0, 0 },
	{ "a /x\\04", "a", "/x\\04", 0, 0, 0 },
	{ "a /x\\x41\\400\\000", "a", "/x\\x41\\400\\000", 0, 0, 0 },
	{ "a /\\303\\240", "a", "/\xc3\xa0", 0, 0, 0 },
	{ "a /#b #", NULL, "unknown option '#'", 0, 0, 0 },
	{ "-x /#b ro", "-x", "/#b", 0, 0, TAB_READ_ONLY },
	{ "a /i overlap,partscan", "a", "/i", 0, 0, TAB_OVERLAP | TAB_PARTSCAN },
	{ "a /i offset=1M,sizelimit=512", "a", "/i", 1 << 20, 512, 0 },
	{ "a /i sector-size=4K,loop-ref=x", "a", "/i", 0, 0, 0 },
	{ "a /i sector-size=256", NULL,
	  "the sector size is not 512, 1024, 2048 or 4096", 0, 0, 0 },
	{ "a /i sector-size=1536", NULL,
	  "the sector size is not 512, 1024, 2048 or 4096", 0, 0, 0 },
	{ "a /i sector-size=8192", NULL,
	  "the sector size is not 512, 1024, 2048 or 4096", 0, 0, 0 },
	{ "a /i loop-ref", NULL, "option 'loop-ref' needs a value", 0, 0, 0 },
	{ "a /i loop-ref=0123456789012345678901234567890123456789"
	  "0123456789012345678901234567890123456789", NULL,
	  "the loop reference is too long", 0, 0, 0 },
	{ "a /i offset=512,offset=1024", "a", "/i", 1024, 0, 0 },
	{ "a /i ,ro,,nofail,", "a", "/i", 0, 0, TAB_READ_ONLY | TAB_NOFAIL },
	{ "a /i noauto,partscan,local-fs", "a", "/i", 0, 0,
	  TAB_NOAUTO | TAB_PARTSCAN | TAB_LOCAL_FS },
	/* No name: what is wrong stands where the file would. */
	{ "a", NULL, "no file behind the name", 0, 0, 0 },
	{ "a img", NULL, "'img' is not an absolute path", 0, 0, 0 },
	{ "253:0 /img", NULL, "'253:0' is no name for a device-mapper device",
	  0, 0, 0 },
	{ "a/b /img", NULL, "'a/b' is no name for a device-mapper device",
	  0, 0, 0 },
	{ "a /b\\012", NULL, "a control character in the path", 0, 0, 0 },
	{ "a /b\\177", NULL, "a control character in the path", 0, 0, 0 },
	{ "a /b ro x", NULL, "more than a name, a file and options (a blank in "
	  "a path is \\040)", 0, 0, 0 },
	{ "a /b rw", NULL, "unknown option 'rw'", 0, 0, 0 },
	{ "a /b ro=1", NULL, "option 'ro' takes no value", 0, 0, 0 },
	{ "a /b offset", NULL, "option 'offset' needs a value", 0, 0, 0 },
	{ "a /b offset=", NULL, "offset: '': Invalid argument", 0, 0, 0 },
	{ "a /b offset=0000000000000000000000000000000000000000000000000000000000512x",
	  NULL, "offset: '00000000000000000000000000000000000000000000000000000000"
	  "00512x': Invalid argument", 0, 0, 0 },
	{ "a /b offset=1x", NULL, "offset: '1x': Invalid argument", 0, 0, 0 },
	{ "a /b sizelimit=16E", NULL,
	  "sizelimit: '16E': Numerical result out of range", 0, 0, 0 },
	{ "a /b offset=1", NULL, "the offset is not a multiple of 512",
	  0, 0, 0 },
	{ "a /b sizelimit=511", NULL,
	  "the size limit is smaller than 512 bytes", 0, 0, 0 },
};

static void check_line(size_t i)
{
	struct tab_entry e;
	char why[TAB_WHY_SIZE] = "";
	int rc = tab_parse_line(lines[i].line, &e, why);

	if (!lines[i].name) {
		check(rc == -1 && !strcmp(why, lines[i].file), "'%s': %d, '%s'",
		      lines[i].line, rc, why);
		return;
	}
	check(rc == 1, "'%s': %d, '%s'", lines[i].line, rc, why);
	if (rc != 1)
		return;
	check(!strcmp(e.name, lines[i].name), "'%s': %s", lines[i].line, e.name);
	check(!strcmp(e.file, lines[i].file), "'%s': %s", lines[i].line, e.file);
	check(e.offset == lines[i].offset && e.sizelimit == lines[i].sizelimit &&
	      e.flags == lines[i].flags, "'%s': %" PRIu64 " %" PRIu64 " %x",
	      lines[i].line, e.offset, e.sizelimit, e.flags);
	free(e.file);
}

static void test_line(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lines); i++)
		check_line(i);
}

static void test_no_entry(void)
{
	static const char *const strings[] = {
		"", "\n", " \t\n", "# a /b", "  #", "#",
	};
	struct tab_entry e;
	char why[TAB_WHY_SIZE];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(strings); i++)
		check(!tab_parse_line(strings[i], &e, why), "'%s'", strings[i]);
}

static void test_long_name(void)
{
	char line[NAME_SIZE + 16], why[TAB_WHY_SIZE];
	struct tab_entry e;

	memset(line, 'x', NAME_SIZE);
	strcpy(line + NAME_SIZE, " /b");
	check(tab_parse_line(line, &e, why) == -1, "128 characters");
	check(tab_parse_line(line + 1, &e, why) == 1, "127 characters");
	free(e.file);
}

/* Through a file: numbers of lines, names that are taken, NUL bytes. */
static void test_file(void)
{
	static const char text[] = "# one\na /a\n\nb /b ro\na /c\nd\0 /d\ne /e";
	char path[] = "tab_test.XXXXXX";
	int fd = mkstemp(path);
	struct tab tab;

	check(fd >= 0 && write(fd, text, sizeof(text) - 1) ==
	      sizeof(text) - 1, "%s", path);
	setenv("FASTLOOPTAB", path, 1);
	check(!tab_read(&tab), "read");
	unlink(path);
	close(fd);
	check(tab.nr == 3 && tab.nr_errors == 2, "%zu, %u", tab.nr,
	      tab.nr_errors);
	if (tab.nr == 3) {
		check(!strcmp(tab.entries[0].file, "/a"), "the first stays");
		check(tab.entries[1].line == 4 && tab.entries[2].line == 7,
		      "%u, %u", tab.entries[1].line, tab.entries[2].line);
	}
	tab_free(&tab);
	check(!tab_read(&tab) && !tab.nr && !tab.nr_errors, "no file");
	tab_free(&tab);
	setenv("FASTLOOPTAB", "/", 1);
	check(tab_read(&tab) == -1 && !tab.nr, "a directory");
	tab_free(&tab);
}

/* ---- status lines ---- */

static void test_status(void)
{
	struct status st;

	check(!status_parse("direct - dev:254:0 ino:12 source:fiemap extents:1 "
			    "known:16384 holes:7 remapped_reads:1 "
			    "remapped_writes:2 zero_reads:3 fills:4 "
			    "file_reads:5 file_writes:6 flushes:7 syncs:8 "
			    "recalls:18446744073709551615", &st), "parsed");
	check(!strcmp(st.mode, "direct") && !strcmp(st.reason, "-"), "words");
	check(st.value[STATUS_KNOWN] == 16384 && st.value[STATUS_FILLS] == 4 &&
	      st.value[STATUS_SYNCS] == 8 &&
	      st.value[STATUS_RECALLS] == UINT64_MAX, "numbers");
	check(!status_parse("file writers", &st) && !st.value[STATUS_FILLS] &&
	      !strcmp(st.reason, "writers"), "no keys");
	check(!status_parse("file x new:word recalls:1\n", &st) &&
	      st.value[STATUS_RECALLS] == 1, "a key that is new");
}

static void test_bad_status(void)
{
	static const char *const strings[] = {
		"", "direct", "direct - fills", "direct - fills:",
		"direct - fills:x", "direct - fills:1x", "direct - fills:-1",
		"direct - fills:18446744073709551616",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa -",
	};
	struct status st;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(strings); i++)
		check(status_parse(strings[i], &st) == -EINVAL, "'%s'", strings[i]);
}

/* ---- sizes ---- */

static void test_format(void)
{
	static const struct {
		uint64_t size;
		const char *text;
	} sizes[] = {
		{ 0, "0B" }, { 1, "1B" }, { 1023, "1023B" }, { 1024, "1K" },
		{ 1535, "1.4K" }, { 1536, "1.5K" }, { 10240, "10K" },
		{ 11000, "10K" }, { (1 << 20) - 1, "1023K" },
		{ 5ULL << 30, "5G" }, { UINT64_MAX, "15E" },
	};
	char text[SIZE_STRING];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_format(sizes[i].size, text);
		check(!strcmp(text, sizes[i].text), "%" PRIu64 ": %s",
		      sizes[i].size, text);
	}
}

/* ---- the map ---- */

static void add(struct extents *list, uint64_t length, enum extent_kind kind,
		uint64_t physical)
{
	const struct extent *last = list->nr ? &list->e[list->nr - 1] : NULL;
	const struct extent e = {
		last ? last->start + last->length : 0, length, physical, kind
	};

	extents_add(list, &e);
}

/* One letter for each cell. */
static void check_cells(const struct extents *list, size_t nr, const char *want)
{
	static const char signs[] = "w-.?", fragments[] = "W-.?";
	const struct extent *last = &list->e[list->nr - 1];
	struct map_cell cells[32];
	char got[33] = "";
	size_t i;

	map_cells(list, last->start + last->length, cells, nr);
	for (i = 0; i < nr; i++)
		got[i] = (cells[i].fragment ? fragments : signs)[cells[i].kind];
	check(!strcmp(got, want), "%zu cells: '%s', not '%s'", nr, got, want);
}

static void test_map(void)
{
	struct extents list = { NULL, 0 };

	add(&list, 4096, EXTENT_WRITTEN, 8192);
	check_cells(&list, 1, "W");
	check_cells(&list, 4, "Wwww");
	add(&list, 4096, EXTENT_WRITTEN, 12288);
	check(list.nr == 1 && list.e[0].length == 8192, "merged");
	add(&list, 4096, EXTENT_WRITTEN, 65536);
	check(list.nr == 2, "not merged");
	add(&list, 4096, EXTENT_UNWRITTEN, 69632);
	add(&list, 4096, EXTENT_HOLE, 0);
	add(&list, 8192, EXTENT_HOLE, 0);
	add(&list, 4096, EXTENT_OTHER, 0);
	add(&list, 4096, EXTENT_WRITTEN, 0);
	check(list.nr == 6, "%zu", list.nr);
	check_cells(&list, 9, "WwW-...?W");
	check_cells(&list, 18, "WwwwWw--......??Ww");
	check_cells(&list, 3, "W.W");
	check_cells(&list, 1, "W");
	extents_free(&list);
	/* Written behind unwritten in one piece is no new fragment. */
	add(&list, 4096, EXTENT_UNWRITTEN, 4096);
	add(&list, 4096, EXTENT_WRITTEN, 8192);
	check_cells(&list, 2, "-w");
	extents_free(&list);
}

/* Every kind of file that this test's own file system has. */
static void test_file_extents(void)
{
	char path[] = "tab_test.XXXXXX";
	int fd = mkstemp(path);
	uint64_t pos = 0;
	struct extents list;
	size_t i;

	unlink(path);
	check(!ftruncate(fd, 1 << 20), "a file");
	check(pwrite(fd, "x", 1, 512 << 10) == 1 && !fsync(fd), "a block");
	check(!extents_read(fd, 4096, (1 << 20) - 8192, &list), "read");
	for (i = 0; i < list.nr; i++) {
		check(list.e[i].start == pos && list.e[i].length, "gap at %zu",
		      i);
		pos += list.e[i].length;
	}
	check(pos == (1 << 20) - 8192, "%" PRIu64, pos);
	check(list.nr == 3 && list.e[0].kind == EXTENT_HOLE &&
	      list.e[0].length == (512 << 10) - 4096 &&
	      list.e[1].kind != EXTENT_HOLE && list.e[2].kind == EXTENT_HOLE,
	      "%zu", list.nr);
	extents_free(&list);
	close(fd);
}

/* ---- random input ---- */

static void random_string(char *s, size_t max)
{
	static const char *const words[] = {
		"/", "\\040", "\\", " ", "\t", "a", "ro", ",", "=", "offset",
		"sizelimit", "1K", "direct", "-", "recalls", "fills", ":", "#",
		"18446744073709551616", "local-fs", "0", "\xa0", "\n",
	};
	size_t n = rand() % 12, len = 0;

	*s = '\0';
	while (n--) {
		const char *word = words[rand() % ARRAY_SIZE(words)];

		if (len + strlen(word) >= max)
			return;
		strcpy(s + len, word);
		len += strlen(word);
	}
}

/* Anything goes, as long as no sanitiser complains. */
static void test_any_input(void)
{
	char line[160], why[TAB_WHY_SIZE];
	struct tab_entry entry;
	struct status st;
	unsigned long i;

	for (i = 0; i < rounds; i++) {
		random_string(line, sizeof(line));
		if (tab_parse_line(line, &entry, why) > 0)
			free(entry.file);
		status_parse(line, &st);
	}
}

int main(int argc, char **argv)
{
	if (argc > 1)
		rounds = strtoul(argv[1], NULL, 10);
	srand(1);
	/* What tab_read() says of a line is not what is tested. */
	if (!freopen("/dev/null", "w", stderr))
		return 1;
	run("lines with entries, good and bad", test_line);
	run("lines without", test_no_entry);
	run("long names", test_long_name);
	run("a whole file", test_file);
	run("status lines", test_status);
	run("other lines", test_bad_status);
	run("sizes for people", test_format);
	run("cells of a map", test_map);
	run("extents of a file", test_file_extents);
	run("any input is survived", test_any_input);
	printf("1..%d\n", nr_tests);
	return nr_failed != 0;
}
