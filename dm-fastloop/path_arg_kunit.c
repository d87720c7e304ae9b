// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the two spellings of a path in a table line.
 */
#include <kunit/test.h>
#include <linux/ctype.h>
#include <linux/prandom.h>
#include <linux/string.h>

#include "path_arg.c"

#define MAX_PATH	64
#define MAX_TEXT	(3 * MAX_PATH + 2)

struct path_case {
	const char *name;
	const char *path;
	const char *text;	/* as printed */
};

static const struct path_case path_cases[] = {
	{ "plain", "/mnt/disk.img", "/mnt/disk.img" },
	{ "root", "/", "/" },
	{ "blank", "/a b", "%/a%20b" },
	{ "tab", "/a\tb", "%/a%09b" },
	{ "newline", "/a\nb", "%/a%0Ab" },
	{ "other white space", "/\v\f\r", "%/%0B%0C%0D" },
	{ "A with grave", "/\xC3\xA0", "%/%C3%A0" },
	{ "A with acute", "/\xC3\xA1", "/\xC3\xA1" },
	{ "A with acute and a blank", "/\xC3\xA1 ", "%/%C3%A1%20" },
	{ "backslash", "/a\\b", "%/a%5Cb" },
	{ "begins a comment for dmsetup", "/a#b", "%/a%23b" },
	{ "percent alone is plain", "/100%", "/100%" },
	{ "percent with a blank", "/100% x", "%/100%25%20x" },
	{ "looks encoded", "/a%20b", "/a%20b" },
	{ "lowest and highest control byte", "/\x01\x1f\x7f", "%/%01%1F%7F" },
	{ "NEL is not white space", "/\xC2\x85", "/\xC2\x85" },
	{ "highest byte", "/\xff", "/\xff" },
	{ "deleted", "/a (deleted)", "%/a%20(deleted)" },
	{ "quotes of the shell", "/'\"$;", "/'\"$;" },
};

static void path_case_desc(const struct path_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(path_cases, path_cases, path_case_desc);

static void path_encode_test(struct kunit *test)
{
	const struct path_case *c = test->param_value;
	char text[MAX_TEXT];
	size_t len;

	len = floop_path_encode(text, sizeof(text), c->path);
	KUNIT_EXPECT_EQ(test, len, strlen(c->text));
	KUNIT_EXPECT_STREQ(test, text, c->text);
	KUNIT_EXPECT_PTR_EQ(test, floop_path_decode(text), NULL);
	KUNIT_EXPECT_STREQ(test, text, c->path);
}

/* Any size: as much as fits, a NUL, nothing behind it, and the same answer. */
static void path_encode_short_test(struct kunit *test)
{
	const struct path_case *c = test->param_value;
	size_t len = strlen(c->text), size;
	char text[MAX_TEXT];

	KUNIT_EXPECT_EQ(test, len, floop_path_encode(NULL, 0, c->path));
	for (size = 0; size <= len + 1; size++) {
		memset(text, '#', sizeof(text));
		KUNIT_EXPECT_EQ(test, len,
				floop_path_encode(text, size, c->path));
		KUNIT_EXPECT_EQ_MSG(test, text[size], '#', "size %zu", size);
		if (!size)
			continue;
		KUNIT_EXPECT_EQ_MSG(test, text[size - 1], '\0', "size %zu",
				    size);
		KUNIT_EXPECT_EQ_MSG(test, 0, memcmp(text, c->text, size - 1),
				    "size %zu", size);
	}
}

struct decode_case {
	const char *name;
	const char *text;
	const char *path;	/* NULL: refused */
};

static const struct decode_case decode_cases[] = {
	{ "plain", "/a b\\", "/a b\\" },
	{ "plain keeps percent", "/a%41", "/a%41" },
	{ "encoded", "%/a%41%62", "/aAb" },
	{ "lower case digits", "%/%c3%a0", "/\xC3\xA0" },
	{ "mixed case digits", "%/%c3%A0%aF", "/\xC3\xA0\xAF" },
	{ "encoded slash", "%%2fa", "/a" },
	{ "encoded percent", "%/%25%2541", "/%%41" },
	{ "needlessly encoded", "%/abc", "/abc" },
	{ "unencoded bytes", "%/a b\n\xA0", "/a b\n\xA0" },
	{ "empty", "", NULL },
	{ "encoded empty", "%", NULL },
	{ "relative", "a/b", NULL },
	{ "encoded relative", "%a/b", NULL },
	{ "two marks", "%%/a", NULL },
	{ "NUL", "%/a%00b", NULL },
	{ "NUL first", "%%00/a", NULL },
	{ "no digits", "%/a%", NULL },
	{ "one digit", "%/a%4", NULL },
	{ "no hexadecimal digit", "%/a%g0", NULL },
	{ "second no hexadecimal digit", "%/a%0g", NULL },
	{ "sign", "%/a%+1", NULL },
	{ "blank digit", "%/a% 1", NULL },
};

static void decode_case_desc(const struct decode_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(decode_cases, decode_cases, decode_case_desc);

static void path_decode_test(struct kunit *test)
{
	const struct decode_case *c = test->param_value;
	const char *error;
	char text[MAX_TEXT];

	strscpy(text, c->text, sizeof(text));
	error = floop_path_decode(text);
	if (c->path) {
		KUNIT_EXPECT_PTR_EQ(test, error, NULL);
		KUNIT_EXPECT_STREQ(test, text, c->path);
	} else {
		KUNIT_EXPECT_NOT_NULL(test, error);
	}
}

/* libdevmapper's part: it doubles every backslash. */
static void libdm_send(char *line, const char *text)
{
	for (; *text; text++) {
		if (*text == '\\')
			*line++ = '\\';
		*line++ = *text;
	}
	*line = '\0';
}

/*
 * dm's part: the first argument of a line, by the rule of dm_split_args(),
 * which modules cannot call. Returns what follows it.
 */
static char *dm_split_first(char *line)
{
	char *in = line, *out = line;

	while (*in && !isspace(*in)) {
		if (*in == '\\' && in[1])
			in++;
		*out++ = *in++;
	}
	if (*in)
		in++;
	*out = '\0';
	return in;
}

/* Bytes that matter, so that random paths are full of them */
static const char special[] = "%# \\/\t\n\r\v\f\xA0\xC3\x7f\x01\x1f\x21\x80\xff";

static void random_path(struct rnd_state *rnd, char *path)
{
	unsigned int len = 1 + prandom_u32_state(rnd) % (MAX_PATH - 2), i;
	u32 random;

	path[0] = '/';
	for (i = 1; i < len; i++) {
		random = prandom_u32_state(rnd);
		if (random & 0x100)
			path[i] = special[(random >> 16) %
					  (sizeof(special) - 1)];
		else
			path[i] = (u8)random ?: 'x';
	}
	path[len] = '\0';
}

static void path_round_trip_test(struct kunit *test)
{
	static const char rest[] = " 512 0";
	char path[MAX_PATH], text[MAX_TEXT], line[MAX_TEXT + sizeof(rest)];
	struct rnd_state rnd;
	unsigned int i;
	char *after;

	prandom_seed_state(&rnd, 11);
	for (i = 0; i < 200000; i++) {
		random_path(&rnd, path);
		floop_path_encode(text, sizeof(text), path);
		libdm_send(line, text);
		strcat(line, rest);

		after = dm_split_first(line);
		if (!strchr(text, '#') && !strcmp(after, rest + 1) &&
		    !floop_path_decode(line) && !strcmp(line, path))
			continue;
		KUNIT_FAIL(test, "path %u '%*pEhp' is printed '%*pEhp', loaded '%*pEhp', then '%s'",
			   i, (int)strlen(path), path, (int)strlen(text), text,
			   (int)strlen(line), line, after);
		break;
	}
}

/* A line by hand, over the raw ioctl: quoting as dm has it works too. */
static void path_quoted_test(struct kunit *test)
{
	char line[] = "/a\\ b\\\\c\\\xA0 512";
	char *after = dm_split_first(line);

	KUNIT_EXPECT_STREQ(test, after, "512");
	KUNIT_EXPECT_PTR_EQ(test, floop_path_decode(line), NULL);
	KUNIT_EXPECT_STREQ(test, line, "/a b\\c\xA0");
}

static struct kunit_case path_arg_cases[] = {
	KUNIT_CASE_PARAM(path_encode_test, path_cases_gen_params),
	KUNIT_CASE_PARAM(path_encode_short_test, path_cases_gen_params),
	KUNIT_CASE_PARAM(path_decode_test, decode_cases_gen_params),
	KUNIT_CASE(path_round_trip_test),
	KUNIT_CASE(path_quoted_test),
	{ }
};

static struct kunit_suite path_arg_suite = {
	.name = "fastloop_path_arg",
	.test_cases = path_arg_cases,
};

kunit_test_suites(&path_arg_suite);
