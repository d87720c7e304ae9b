// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests for table.c and size.c, as a TAP stream. The last ones are random,
 * from a fixed seed; an argument is a number of rounds for them.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "size.h"
#include "table.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define ROUNDS		100000

static int nr_tests, nr_failed;
static bool failed;	/* the test that is running */

#define check(cond, ...) do {						\
	if (!(cond)) {							\
		printf("# %s:%d: %s: ", __FILE__, __LINE__, #cond);	\
		printf(__VA_ARGS__);					\
		putchar('\n');						\
		failed = true;						\
	}								\
} while (0)

static void run(const char *name, void (*fn)(void))
{
	failed = false;
	fn();
	nr_failed += failed;
	printf("%sok %d - %s\n", failed ? "not " : "", ++nr_tests, name);
}

static const struct {
	struct ident id;
	const char *uuid;
} idents[] = {
	{ { 0, 0, 0, 0, 0, 0, 0 },
	  "FASTLOOP-0:0-0-0-0-0-0000000000000000" },
	{ { 0xfe, 0, 12, 0x100000, 0, 0, 0xa10a7097fbb43995 },
	  "FASTLOOP-fe:0-c-100000-0-0-a10a7097fbb43995" },
	{ { 8, 0x11, 0xabc, 512, 0x200, IDENT_PARTSCAN, 1 },
	  "FASTLOOP-8:11-abc-200-200-1-0000000000000001" },
	{ { UINT32_MAX, UINT32_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX,
	    UINT32_MAX, UINT64_MAX },
	  "FASTLOOP-ffffffff:ffffffff-ffffffffffffffff-ffffffffffffffff-"
	  "ffffffffffffffff-ffffffff-ffffffffffffffff" },
};

static bool same_ident(const struct ident *a, const struct ident *b)
{
	return a->major == b->major && a->minor == b->minor &&
		a->inode == b->inode && a->offset == b->offset &&
		a->sizelimit == b->sizelimit && a->flags == b->flags &&
		a->random == b->random;
}

static void test_ident(void)
{
	char uuid[UUID_SIZE];
	struct ident id;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(idents); i++) {
		ident_format(&idents[i].id, uuid);
		check(!strcmp(uuid, idents[i].uuid), "%zu: %s", i, uuid);
		check(!ident_parse(uuid, &id), "%s", uuid);
		check(same_ident(&id, &idents[i].id), "%s", uuid);
		check(uuid_is_ours(uuid) && !uuid_is_free(uuid), "%s", uuid);
	}
	check(strlen("part4294967295-") + strlen(uuid) < UUID_SIZE, "%s", uuid);
}

static const char *const bad_uuids[] = {
	"",
	"FASTLOOP-",
	"fastloop-0:0-0-0-0-0-0000000000000000",
	"FASTLOOP-0:0-0-0-0-0-000000000000000",
	"FASTLOOP-0:0-0-0-0-0-00000000000000000",
	"FASTLOOP-0:0-0-0-0-0-0000000000000000x",
	"FASTLOOP-00:0-0-0-0-0-0000000000000000",
	"FASTLOOP-0:0-0-0-0-0x0-0000000000000000",
	"FASTLOOP--1:0-0-0-0-0-0000000000000000",
	"FASTLOOP- 1:0-0-0-0-0-0000000000000000",
	"FASTLOOP-FE:0-0-0-0-0-0000000000000000",
	"FASTLOOP-100000000:0-0-0-0-0-0000000000000000",
	"FASTLOOP-free-0123456789abcdef",
	"LVM-0:0-0-0-0-0-0000000000000000",
	"part1-FASTLOOP-0:0-0-0-0-0-0000000000000000",
};

static void test_bad_uuid(void)
{
	struct ident id;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad_uuids); i++)
		check(ident_parse(bad_uuids[i], &id) == -EINVAL, "%s",
		      bad_uuids[i]);
}

static void test_free_uuid(void)
{
	char uuid[UUID_SIZE];

	uuid_format_free(0xabc, uuid);
	check(!strcmp(uuid, "FASTLOOP-free-0000000000000abc"), "%s", uuid);
	check(uuid_is_ours(uuid) && uuid_is_free(uuid), "%s", uuid);
}

static void test_part_of(void)
{
	check(uuid_is_part_of("part1-X-1", "X-1"), "one");
	check(uuid_is_part_of("part128-X-1", "X-1"), "many digits");
	check(!uuid_is_part_of("part1-X-1", "X-2"), "another parent");
	check(!uuid_is_part_of("part1-X-12", "X-1"), "a longer parent");
	check(!uuid_is_part_of("part-X-1", "X-1"), "no number");
	check(!uuid_is_part_of("part1X-1", "X-1"), "no dash");
	check(!uuid_is_part_of("X-1", "X-1"), "the parent itself");
	check(!uuid_is_part_of("", "X-1"), "empty");
}

static const struct {
	const char *name;
	int number;
} numbers[] = {
	{ "fastloop0", 0 }, { "fastloop10", 10 },
	{ "fastloop2147483647", 2147483647 },
	{ "fastloop2147483648", -1 },
	{ "fastloop18446744073709551616", -1 },
	{ "fastloop", -1 }, { "fastloop00", -1 }, { "fastloop01", -1 },
	{ "fastloop-1", -1 }, { "fastloop+1", -1 }, { "fastloop 1", -1 },
	{ "fastloop1p1", -1 }, { "loop1", -1 }, { "", -1 },
};

static void test_number(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		check(name_number(numbers[i].name) == numbers[i].number, "%s",
		      numbers[i].name);
}

static void test_name(void)
{
	static const char *const good[] = {
		"a", "fastloop0", "a-b_c.d", "x=y@z:1+#", "...",
	};
	static const char *const bad[] = {
		"", ".", "..", "control", "a/b", "a b", "a\\b", "\xc3\xa0",
		"a\n", "%41",
	};
	char name[NAME_SIZE + 1];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(good); i++)
		check(name_is_valid(good[i]), "%s", good[i]);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		check(!name_is_valid(bad[i]), "%s", bad[i]);
	memset(name, 'x', sizeof(name));
	name[NAME_SIZE] = '\0';
	check(!name_is_valid(name), "128 characters");
	name[NAME_SIZE - 1] = '\0';
	check(name_is_valid(name), "127 characters");
}

static const struct {
	const char *word, *path;	/* path NULL: an error */
} paths[] = {
	{ "/a", "/a" },
	{ "", "" },
	{ "/a\\ b", "/a b" },
	{ "/a\\\\b", "/a\\b" },
	{ "/\xc3\\\xa0", "/\xc3\xa0" },
	{ "/100%41", "/100%41" },
	{ "%/a%20b", "/a b" },
	{ "%/a%0Ab", "/a\nb" },
	{ "%/a%0ab", "/a\nb" },
	{ "%/%25%5C%7f%A0", "/%\\\x7f\xa0" },
	{ "%", "" },
	{ "%/%", NULL },
	{ "%/%4", NULL },
	{ "%/%4g", NULL },
	{ "%/%00", NULL },
	{ "%/%-1", NULL },
	{ "/a\\", "/a\\" },
};

static void test_path(void)
{
	char *path;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		path = path_unquote(paths[i].word);
		if (!paths[i].path)
			check(!path && errno == EINVAL, "%s", paths[i].word);
		else
			check(path && !strcmp(path, paths[i].path), "%s",
			      paths[i].word);
		free(path);
	}
}

static const struct {
	const char *target, *params;
	const char *path;	/* NULL and no device: an error */
	unsigned int major, minor;
	uint64_t offset;
} lines[] = {
	{ "fastloop", "/a/img 0", "/a/img", 0, 0, 0 },
	{ "fastloop", "/a/img 1048576", "/a/img", 0, 0, 1048576 },
	{ "fastloop", " /a/img  512 ", "/a/img", 0, 0, 512 },
	{ "fastloop", "/a\\ b\\\\ 512 1 word", "/a b\\", 0, 0, 512 },
	{ "fastloop", "%/a%0Ab 0 0", "/a\nb", 0, 0, 0 },
	{ "fastloop", "/a (deleted) 0", NULL, 0, 0, 0 },
	{ "fastloop", "/a\\ (deleted) 0", "/a (deleted)", 0, 0, 0 },
	{ "fastloop", "/\xc3\\\xa0 7", "/\xc3\xa0", 0, 0, 7 },
	{ "fastloop", "", NULL, 0, 0, 0 },
	{ "fastloop", "/a", NULL, 0, 0, 0 },
	{ "fastloop", "/a ", NULL, 0, 0, 0 },
	{ "fastloop", "/a x", NULL, 0, 0, 0 },
	{ "fastloop", "/a 1x", NULL, 0, 0, 0 },
	{ "fastloop", "%/%zz 1", NULL, 0, 0, 0 },
	{ "linear", "8:16 2048", NULL, 8, 16, 1048576 },
	{ "linear", "8:16 0", NULL, 8, 16, 0 },
	{ "linear", "8:16", NULL, 0, 0, 0 },
	{ "linear", "8:16 0 x", NULL, 0, 0, 0 },
	{ "linear", "/dev/sda 0", NULL, 0, 0, 0 },
	{ "linear", "8:16 18446744073709551615", NULL, 0, 0, 0 },
	{ "zero", "", NULL, 0, 0, 0 },
};

static void test_line(void)
{
	struct table_line line;
	size_t i;
	int rc;

	for (i = 0; i < ARRAY_SIZE(lines); i++) {
		const char *p = lines[i].params;

		rc = table_parse(lines[i].target, p, &line);
		if (!lines[i].path && !lines[i].major) {
			check(rc == -EINVAL, "'%s': %d", p, rc);
			continue;
		}
		check(!rc, "'%s': %d", p, rc);
		if (rc)
			continue;
		check(line.offset == lines[i].offset, "'%s'", p);
		check(line.major == lines[i].major &&
		      line.minor == lines[i].minor, "'%s'", p);
		check(!line.path == !lines[i].path && (!line.path ||
		      !strcmp(line.path, lines[i].path)), "'%s'", p);
		free(line.path);
	}
}

static void test_format(void)
{
	char params[PARAMS_SIZE];

	table_format_fastloop(3, 512, params);
	check(!strcmp(params, "/proc/self/fd/3 512"), "%s", params);
	table_format_fastloop(2147483647, UINT64_MAX, params);
	check(!strcmp(params, "/proc/self/fd/2147483647 "
		      "18446744073709551615"), "%s", params);
	table_format_linear(8, 16, 1048576, params);
	check(!strcmp(params, "8:16 2048"), "%s", params);
}

#define K	1024ULL

static const struct {
	const char *str;
	int rc;
	uint64_t size;
} sizes[] = {
	{ "0", 0, 0 }, { "512", 0, 512 }, { " 7", 0, 7 }, { "0x200", 0, 512 },
	{ "010", 0, 8 },
	{ "1K", 0, K }, { "1k", 0, K }, { "1KiB", 0, K }, { "1KB", 0, 1000 },
	{ "1Kib", 0, K }, { "1kb", 0, 1000 },
	{ "3M", 0, 3 * K * K }, { "3MB", 0, 3000000 },
	{ "2G", 0, 2 * K * K * K }, { "2T", 0, 2 * K * K * K * K },
	{ "1P", 0, K * K * K * K * K }, { "15E", 0, 15ULL << 60 },
	{ "1.5K", 0, 1536 }, { "0.5M", 0, 512 * K }, { "1.25GB", 0, 1250000000 },
	{ "1.05KB", 0, 1050 }, { "1.K", 0, K },
	{ "0.0000000000000000000000001E", 0, 0 },
	{ "18446744073709551615", 0, UINT64_MAX },
	{ "18446744073709551616", -ERANGE, 0 },
	{ "16E", -ERANGE, 0 }, { "15.9999E", 0, 18446628781559090931ULL },
	{ "1Z", -ERANGE, 0 }, { "1Y", -ERANGE, 0 },
	{ "", -EINVAL, 0 }, { "x", -EINVAL, 0 }, { "1x", -EINVAL, 0 },
	{ "-1", -EINVAL, 0 }, { "+1", -EINVAL, 0 }, { "1.5", -EINVAL, 0 },
	{ "1 K", -EINVAL, 0 }, { "1KK", -EINVAL, 0 }, { "1KiBx", -EINVAL, 0 },
	{ "1KIB", -EINVAL, 0 }, { ".5K", -EINVAL, 0 }, { "0x", -EINVAL, 0 },
	{ "1B", -EINVAL, 0 }, { "1,5K", -EINVAL, 0 }, { "1.5.5K", -EINVAL, 0 },
};

static void test_size(void)
{
	uint64_t size;
	size_t i;
	int rc;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		size = 0;
		rc = size_parse(sizes[i].str, &size);
		check(rc == sizes[i].rc && size == sizes[i].size,
		      "'%s': %d, %" PRIu64, sizes[i].str, rc, size);
	}
}

/* ---- random input ---- */

static unsigned long rounds = ROUNDS;

/* Anything but NUL, mostly what means something to the parsers. */
static void random_string(char *s, size_t max)
{
	static const char words[] = "\\\\%%  //0123456789abcdefAF:-.x\t\n\xa0";
	size_t len = rand() % max;

	while (len--) {
		int c = rand() % 3 ? words[rand() % (sizeof(words) - 1)] :
				     1 + rand() % 255;
		*s++ = c;
	}
	*s = '\0';
}

/* Anything goes, as long as no sanitiser complains. */
static void test_any_input(void)
{
	struct table_line line;
	struct ident id;
	unsigned long i;
	uint64_t size;
	char s[160];

	for (i = 0; i < rounds; i++) {
		random_string(s, sizeof(s));
		if (!table_parse(TARGET_FASTLOOP, s, &line))
			free(line.path);
		table_parse(TARGET_LINEAR, s, &line);
		size_parse(s, &size);
		name_number(s);
		name_is_valid(s);
		free(path_unquote(s));
		memmove(s + 9, s, sizeof(s) - 9);
		memcpy(s, UUID_PREFIX, 9);
		s[sizeof(s) - 1] = '\0';
		ident_parse(s, &id);
		uuid_is_part_of(s, s + 1);
	}
}

static bool must_quote(unsigned char c)
{
	return c <= ' ' || c == 0x7f || c == 0xa0 || c == '\\' || c == '%';
}

/* The two spellings, as the target makes them. */
static void quote_plain(const char *path, char *out)
{
	for (; *path; path++) {
		if (must_quote(*path) && *path != '%')
			*out++ = '\\';
		*out++ = *path;
	}
	*out = '\0';
}

static void quote_encoded(const char *path, char *out)
{
	*out++ = '%';
	for (; *path; path++) {
		if (must_quote(*path))
			out += sprintf(out, "%%%02X", (unsigned char)*path);
		else
			*out++ = *path;
	}
	*out = '\0';
}

static void check_round_trip(const char *path, const char *word)
{
	char params[512];
	struct table_line line;
	int rc;

	snprintf(params, sizeof(params), "%s 4096", word);
	rc = table_parse(TARGET_FASTLOOP, params, &line);
	check(!rc && line.offset == 4096 && !strcmp(line.path, path),
	      "'%s'", params);
	if (!rc)
		free(line.path);
}

static void test_round_trip(void)
{
	char path[100], word[400];
	unsigned long i;

	for (i = 0; i < rounds && !failed; i++) {
		path[0] = '/';
		random_string(path + 1, sizeof(path) - 1);
		quote_plain(path, word);
		check_round_trip(path, word);
		quote_encoded(path, word);
		check_round_trip(path, word);
	}
}

int main(int argc, char **argv)
{
	if (argc > 1)
		rounds = strtoul(argv[1], NULL, 10);
	srand(1);
	run("a UUID is made and read back", test_ident);
	run("other UUIDs are not read", test_bad_uuid);
	run("the UUID of a placeholder", test_free_uuid);
	run("the UUID of a partition", test_part_of);
	run("numbers in names", test_number);
	run("valid names", test_name);
	run("both spellings of a path", test_path);
	run("table lines are read", test_line);
	run("table lines are made", test_format);
	run("sizes with suffixes", test_size);
	run("any input is survived", test_any_input);
	run("any path survives both spellings", test_round_trip);
	printf("1..%d\n", nr_tests);
	return nr_failed != 0;
}
