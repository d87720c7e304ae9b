// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests for table.c and size.c, as a TAP stream. The last ones are random,
 * from a fixed seed; an argument is a number of rounds for them.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "check.h"
#include "size.h"
#include "table.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define ROUNDS		100000

static const struct {
	struct ident id;
	const char *uuid;
} idents[] = {
	{ { 0, 0, 0, 0, 0, 0, 0, "" },
	  "FASTLOOP-0:0-0-0-0-0-0000000000000000" },
	{ { 0xfe, 0, 12, 0x100000, 0, 0, 0xa10a7097fbb43995, "" },
	  "FASTLOOP-fe:0-c-100000-0-0-a10a7097fbb43995" },
	{ { 8, 0x11, 0xabc, 512, 0x200, IDENT_PARTSCAN, 1, "" },
	  "FASTLOOP-8:11-abc-200-200-1-0000000000000001" },
	{ { 8, 1, 2, 0, 0, 0, 3, "root.img" },
	  "FASTLOOP-8:1-2-0-0-0-0000000000000003-root.img" },
	{ { 8, 1, 2, 0, 0, 0, 3, "-a/b c=d\\x20\n\xc3\xa9-" },
	  "FASTLOOP-8:1-2-0-0-0-0000000000000003-"
	  "-a=2Fb=20c=3Dd=5Cx20=0A=C3=A9-" },
	{ { UINT32_MAX, UINT32_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX,
	    UINT32_MAX, UINT64_MAX, "" },
	  "FASTLOOP-ffffffff:ffffffff-ffffffffffffffff-ffffffffffffffff-"
	  "ffffffffffffffff-ffffffff-ffffffffffffffff" },
};

static bool same_ident(const struct ident *a, const struct ident *b)
{
	return a->major == b->major && a->minor == b->minor &&
		a->inode == b->inode && a->offset == b->offset &&
		a->sizelimit == b->sizelimit && a->flags == b->flags &&
		a->random == b->random && !strcmp(a->ref, b->ref);
}

static void test_ident(void)
{
	char uuid[UUID_SIZE];
	struct ident id;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(idents); i++) {
		check(!ident_format(&idents[i].id, uuid), "%zu", i);
		check(!strcmp(uuid, idents[i].uuid), "%zu: %s", i, uuid);
		check(!ident_parse(uuid, &id), "%s", uuid);
		check(same_ident(&id, &idents[i].id), "%s", uuid);
		check(uuid_is_ours(uuid) && !uuid_is_free(uuid), "%s", uuid);
	}
	check(strlen("part4294967295-") + strlen(uuid) < UUID_SIZE, "%s", uuid);
}

/* Of the file, all that is on it, and of no other. */
static void test_prefix(void)
{
	char uuid[UUID_SIZE], prefix[UUID_SIZE];
	const struct ident *id;
	struct stat st;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(idents); i++) {
		id = &idents[i].id;
		st = (struct stat){ .st_dev = makedev(id->major, id->minor),
				    .st_ino = id->inode };
		check(!ident_format(id, uuid), "%zu", i);
		check(ident_is(id, &st), "%zu", i);
		ident_prefix(&st, prefix);
		check(!strncmp(uuid, prefix, strlen(prefix)), "%s", prefix);
		st.st_ino ^= 1;
		check(!ident_is(id, &st), "%zu", i);
		ident_prefix(&st, prefix);
		check(strncmp(uuid, prefix, strlen(prefix)), "%s", prefix);
	}
}

/* A real device with a reference of @len characters. */
static int format_long_ref(char c, size_t len, char uuid[static UUID_SIZE])
{
	struct ident id = { .major = 0xfe, .minor = 1, .inode = 0x1234567,
			    .flags = IDENT_PARTSCAN, .random = UINT64_MAX };

	memset(id.ref, c, len);
	return ident_format(&id, uuid);
}

static void test_long_ref(void)
{
	char uuid[UUID_SIZE], part[UUID_SIZE];
	struct ident id;

	check(!format_long_ref('r', REF_SIZE - 1, uuid), "63 plain characters");
	check(!ident_parse(uuid, &id) && strlen(id.ref) == REF_SIZE - 1, "%s",
	      uuid);
	check(uuid_format_part(128, uuid, part), "a partition of %s", uuid);
	check(format_long_ref(' ', REF_SIZE - 1, uuid) == -E2BIG, "63 blanks");
	check(!format_long_ref(' ', 20, uuid), "20 blanks");
}

static const char *const bad_uuids[] = {
	"",
	"FASTLOOP-",
	"fastloop-0:0-0-0-0-0-0000000000000000",
	"FASTLOOP-0:0-0-0-0-0-000000000000000",
	"FASTLOOP-0:0-0-0-0-0-00000000000000000",
	"FASTLOOP-0:0-0-0-0-0-0000000000000000x",
	"FASTLOOP-0:0-0-0-0-0-0000000000000000-",
	"FASTLOOP-0:0-0-0-0-0-0000000000000000-a b",
	"FASTLOOP-0:0-0-0-0-0-0000000000000000-a=2fb",
	"FASTLOOP-0:0-0-0-0-0-0000000000000000-=41",
	"FASTLOOP-0:0-0-0-0-0-0000000000000000-=00",
	"FASTLOOP-0:0-0-0-0-0-0000000000000000-=2",
	"FASTLOOP-0:0-0-0-0-0-0000000000000000-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
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
	check(!uuid_is_part_of("part0-X-1", "X-1"), "none");
	check(!uuid_is_part_of("part4294967297-X-1", "X-1"), "no such number");
}

static void test_format_part(void)
{
	char uuid[UUID_SIZE], name[NAME_SIZE], longest[NAME_SIZE];

	check(uuid_format_part(12, "X-1", uuid) && !strcmp(uuid, "part12-X-1"),
	      "%s", uuid);
	check(name_format_part("fastloop0", 1, name) &&
	      !strcmp(name, "fastloop0p1"), "%s", name);
	check(name_format_part("disk", 12, name) && !strcmp(name, "disk12"),
	      "%s", name);
	memset(longest, 'x', sizeof(longest));
	longest[NAME_SIZE - 1] = '\0';
	check(!name_format_part(longest, 1, name), "a long name");
	longest[NAME_SIZE - 2] = '\0';
	check(name_format_part(longest, 1, name), "just short enough");
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
		"253", ":", ":0", "253:0:0", "253:0p1", "a:0",
	};
	static const char *const bad[] = {
		"", ".", "..", "control", "a/b", "a b", "a\\b", "\xc3\xa0",
		"a\n", "%41", "253:0", "0:0", "253:",
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
	const char *features;
} lines[] = {
	{ "fastloop", "/a/img 0", "/a/img", 0, 0, 0, NULL },
	{ "fastloop", "/a/img 1048576", "/a/img", 0, 0, 1048576, NULL },
	{ "fastloop", " /a/img  512 ", "/a/img", 0, 0, 512, NULL },
	{ "fastloop", "/a\\ b\\\\ 512 1 word", "/a b\\", 0, 0, 512, "1 word" },
	{ "fastloop", "/a 0 \t2 one:1 \xc3two ", "/a", 0, 0, 0, "2 one:1 \xc3two" },
	{ "fastloop", "/a 0\t", "/a", 0, 0, 0, NULL },
	{ "fastloop", "%/a%0Ab 0 0", "/a\nb", 0, 0, 0, NULL },
	{ "fastloop", "/a (deleted) 0", NULL, 0, 0, 0, NULL },
	{ "fastloop", "/a\\ (deleted) 0", "/a (deleted)", 0, 0, 0, NULL },
	{ "fastloop", "/\xc3\\\xa0 7", "/\xc3\xa0", 0, 0, 7, NULL },
	{ "fastloop", "", NULL, 0, 0, 0, NULL },
	{ "fastloop", "/a", NULL, 0, 0, 0, NULL },
	{ "fastloop", "/a ", NULL, 0, 0, 0, NULL },
	{ "fastloop", "/a x", NULL, 0, 0, 0, NULL },
	{ "fastloop", "/a 1x", NULL, 0, 0, 0, NULL },
	{ "fastloop", "%/%zz 1", NULL, 0, 0, 0, NULL },
	{ "linear", "8:16 2048", NULL, 8, 16, 1048576, NULL },
	{ "linear", "8:16 0", NULL, 8, 16, 0, NULL },
	{ "linear", "8:16", NULL, 0, 0, 0, NULL },
	{ "linear", "8:16 0 x", NULL, 0, 0, 0, NULL },
	{ "linear", "/dev/sda 0", NULL, 0, 0, 0, NULL },
	{ "linear", "8:16 18446744073709551615", NULL, 0, 0, 0, NULL },
	{ "zero", "", NULL, 0, 0, 0, NULL },
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
		check(!line.features == !lines[i].features && (!line.features ||
		      !strcmp(line.features, lines[i].features)), "'%s'", p);
		free(line.path);
		free(line.features);
	}
}

static void test_format(void)
{
	char params[PARAMS_SIZE], features[PARAMS_SIZE];

	table_format_fastloop(3, 512, NULL, params);
	check(!strcmp(params, "/proc/self/fd/3 512"), "%s", params);
	table_format_fastloop(2147483647, UINT64_MAX, NULL, params);
	check(!strcmp(params, "/proc/self/fd/2147483647 "
		      "18446744073709551615"), "%s", params);
	check(table_format_fastloop(3, 0, "1 x:2", params) &&
	      !strcmp(params, "/proc/self/fd/3 0 1 x:2"), "%s", params);
	memset(features, '1', sizeof(features));
	features[sizeof(features) - 1] = '\0';
	check(!table_format_fastloop(3, 0, features, params), "too long");
	table_format_linear(8, 16, 1048576, params);
	check(!strcmp(params, "8:16 2048"), "%s", params);
}

static const struct {
	const char *before, *after;	/* sector_size is set to 4096 */
	unsigned int size;		/* what it was */
} features[] = {
	{ NULL, "1 sector_size:4096", 0 },
	{ "1 sector_size:512", "1 sector_size:4096", 512 },
	{ "1 sector_size:4096", "1 sector_size:4096", 4096 },
	{ "1 no_discard", "2 no_discard sector_size:4096", 0 },
	{ "3 a sector_size:1024 b:c", "3 a b:c sector_size:4096", 1024 },
	{ "2 a\\ b  c", "3 a\\ b c sector_size:4096", 0 },
	{ "2 sector_size sector_sizes:1",
	  "3 sector_size sector_sizes:1 sector_size:4096", 0 },
	{ "2 sector_size:512 sector_size:512", "1 sector_size:4096", 512 },
};

static void test_features(void)
{
	unsigned int size;
	char *after;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(features); i++) {
		after = features_set(features[i].before, FEATURE_SECTOR_SIZE,
				     4096);
		if (!after)
			abort();
		size = features_get(features[i].before, FEATURE_SECTOR_SIZE);
		check(!strcmp(after, features[i].after), "%zu: %s", i, after);
		check(size == features[i].size, "%zu: %u", i, size);
		size = features_get(after, FEATURE_SECTOR_SIZE);
		check(size == 4096, "%zu: %u", i, size);
		free(after);
	}
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
		if (!table_parse(TARGET_FASTLOOP, s, &line)) {
			free(features_set(line.features, "a", 1));
			free(line.features);
			free(line.path);
		}
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
		features_get(s, "0");
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
		if (must_quote(*path) || !isascii(*path))
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
	run("the beginning of the UUIDs on a file", test_prefix);
	run("long references", test_long_ref);
	run("other UUIDs are not read", test_bad_uuid);
	run("the UUID of a placeholder", test_free_uuid);
	run("the UUID of a partition", test_part_of);
	run("names and UUIDs of partitions", test_format_part);
	run("numbers in names", test_number);
	run("valid names", test_name);
	run("both spellings of a path", test_path);
	run("table lines are read", test_line);
	run("table lines are made", test_format);
	run("features are kept and set", test_features);
	run("sizes with suffixes", test_size);
	run("any input is survived", test_any_input);
	run("any path survives both spellings", test_round_trip);
	printf("1..%d\n", nr_tests);
	return nr_failed != 0;
}
