// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the checks between a file system's answer and the map.
 */
#include <kunit/test.h>
#include <linux/bits.h>

#include "map_source.c"

#define K	1024ULL

/* A file of 100 blocks of 4 KiB on a disk of 1000; the disk has 512 or 4096. */
static const struct floop_geometry geo_512 = { 400 * K, 4000 * K, 512 };
static const struct floop_geometry geo_4096 = { 400 * K, 4000 * K, 4096 };
/* As large as a file and a disk can be */
static const struct floop_geometry geo_max = { 1ULL << 63, ~0ULL, 512 };
/* i_size not rounded up, which must not happen */
static const struct floop_geometry geo_odd = { 1000, 4000 * K, 512 };

struct raw_case {
	const char *name;
	const struct floop_geometry *geo;
	struct floop_raw_extent raw;	/* pos, phys, len, kind: bytes */
	struct floop_range range;	/* sector, nr_sectors, phys, kind */
};

#define W	FLOOP_WRITTEN
#define H	FLOOP_HOLE
#define F	FLOOP_FILE

static const struct raw_case raw_cases[] = {
	{ "written", &geo_512, { 8 * K, 40 * K, 4 * K, W }, { 16, 8, 80, W } },
	{ "hole", &geo_512, { 8 * K, 0, 4 * K, H }, { 16, 8, 0, H } },
	{ "hole with an address", &geo_512, { 8 * K, 40 * K, 4 * K, H },
		{ 16, 8, 0, H } },
	{ "file", &geo_512, { 8 * K, 40 * K, 4 * K, F }, { 16, 8, 0, F } },
	{ "unknown is not an answer", &geo_512,
		{ 8 * K, 40 * K, 4 * K, FLOOP_UNKNOWN }, { 16, 8, 0, F } },
	{ "no such kind", &geo_512, { 8 * K, 40 * K, 4 * K, F + 1 },
		{ 16, 8, 0, F } },
	{ "whole file", &geo_4096, { 0, 4 * K, 400 * K, W },
		{ 0, 800, 8, W } },

	/* clipped at the end of the file */
	{ "over the end", &geo_512, { 396 * K, 40 * K, 8 * K, W },
		{ 792, 8, 80, W } },
	{ "hole over the end", &geo_512, { 0, 0, 1ULL << 62, H },
		{ 0, 800, 0, H } },
	{ "file over the end", &geo_512, { 0, 0, 1ULL << 62, F },
		{ 0, 800, 0, F } },
	{ "clipped to what is not a sector", &geo_odd,
		{ 0, 40 * K, 4 * K, W }, { 0, 2, 0, F } },

	/* misaligned */
	{ "one sector", &geo_512, { 512, 1024, 512, W }, { 1, 1, 2, W } },
	{ "position by a byte", &geo_512, { 8 * K + 1, 40 * K, 4 * K, W },
		{ 16, 9, 0, F } },
	{ "length by a byte", &geo_512, { 8 * K, 40 * K, 4 * K - 1, W },
		{ 16, 8, 0, F } },
	{ "length over by a byte", &geo_512, { 8 * K, 40 * K, 4 * K + 1, W },
		{ 16, 9, 0, F } },
	{ "address by a byte", &geo_512, { 8 * K, 40 * K + 1, 4 * K, W },
		{ 16, 8, 0, F } },
	{ "one byte", &geo_512, { 8 * K + 511, 40 * K, 1, W },
		{ 16, 1, 0, F } },
	{ "two bytes of two sectors", &geo_512, { 8 * K + 511, 40 * K, 2, W },
		{ 16, 2, 0, F } },
	{ "hole position by a byte", &geo_512, { 8 * K + 1, 0, 4 * K, H },
		{ 16, 9, 0, F } },
	{ "hole length by a byte", &geo_512, { 8 * K, 0, 4 * K - 1, H },
		{ 16, 8, 0, F } },
	{ "misaligned file", &geo_512, { 8 * K + 1, 0, 4 * K, F },
		{ 16, 9, 0, F } },
	{ "length by a byte, all beyond the end", &geo_512,
		{ 0, 4 * K, 500 * K + 1, W }, { 0, 800, 0, F } },
	{ "position by a sector of 4096", &geo_4096,
		{ 8 * K + 512, 40 * K, 4 * K, W }, { 17, 8, 0, F } },
	{ "length by a sector of 4096", &geo_4096,
		{ 8 * K, 40 * K, 4 * K - 512, W }, { 16, 7, 0, F } },
	{ "address by a sector of 4096", &geo_4096,
		{ 8 * K, 40 * K + 512, 4 * K, W }, { 16, 8, 0, F } },
	{ "hole by a sector of 4096", &geo_4096,
		{ 8 * K, 0, 4 * K + 512, H }, { 16, 9, 0, F } },

	/* not on the disk */
	{ "address 0", &geo_512, { 8 * K, 0, 4 * K, W }, { 16, 8, 0, F } },
	{ "first address", &geo_512, { 8 * K, 512, 4 * K, W },
		{ 16, 8, 1, W } },
	{ "last address", &geo_512, { 8 * K, 3996 * K, 4 * K, W },
		{ 16, 8, 7992, W } },
	{ "a sector over the end of the disk", &geo_512,
		{ 8 * K, 3996 * K + 512, 4 * K, W }, { 16, 8, 0, F } },
	{ "at the end of the disk", &geo_512, { 8 * K, 4000 * K, 4 * K, W },
		{ 16, 8, 0, F } },
	{ "all ones", &geo_512, { 8 * K, ~0ULL, 4 * K, W }, { 16, 8, 0, F } },
	{ "address wraps", &geo_max, { 8 * K, -4096ULL, 8 * K, W },
		{ 16, 16, 0, F } },
	{ "address wraps to 0", &geo_max, { 8 * K, -4096ULL, 4 * K, W },
		{ 16, 8, 0, F } },
	{ "on the disk only when clipped", &geo_512,
		{ 396 * K, 3996 * K, 8 * K, W }, { 792, 8, 0, F } },

	/* as large as can be */
	{ "largest hole", &geo_max, { 0, 0, 1ULL << 63, H },
		{ 0, FLOOP_MAX_SECTORS, 0, H } },
	{ "last sector", &geo_max, { (1ULL << 63) - 512, 512, 512, W },
		{ FLOOP_MAX_SECTORS - 1, 1, 1, W } },
};

static void raw_case_desc(const struct raw_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(raw_cases, raw_cases, raw_case_desc);

static void raw_check_test(struct kunit *test)
{
	const struct raw_case *c = test->param_value;
	struct floop_range range = { };

	KUNIT_EXPECT_EQ(test, 0, floop_raw_check(c->geo, &c->raw, &range));
	KUNIT_EXPECT_EQ(test, range.sector, c->range.sector);
	KUNIT_EXPECT_EQ(test, range.nr_sectors, c->range.nr_sectors);
	KUNIT_EXPECT_EQ(test, range.phys, c->range.phys);
	KUNIT_EXPECT_EQ(test, range.kind, c->range.kind);
}

struct raw_refusal {
	const char *name;
	const struct floop_geometry *geo;
	struct floop_raw_extent raw;
	int error;
};

static const struct raw_refusal raw_refusals[] = {
	{ "empty", &geo_512, { 8 * K, 40 * K, 0, W }, -ENODATA },
	{ "empty hole", &geo_512, { 8 * K, 0, 0, H }, -ENODATA },
	{ "at the end", &geo_512, { 400 * K, 40 * K, 4 * K, W }, -ENODATA },
	{ "beyond the end", &geo_512, { 500 * K, 40 * K, 4 * K, W }, -ENODATA },
	{ "wraps", &geo_512, { 8 * K, 40 * K, ~0ULL, W }, -EINVAL },
	{ "wraps to 0", &geo_512, { 8 * K, 40 * K, -8 * K, W }, -EINVAL },
	{ "hole wraps", &geo_512, { 8 * K, 0, ~0ULL, H }, -EINVAL },
	{ "file wraps", &geo_512, { 8 * K, 0, ~0ULL, F }, -EINVAL },
	{ "wraps beyond the end", &geo_512, { ~0ULL, 0, 2, F }, -EINVAL },
};

static void raw_refusal_desc(const struct raw_refusal *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(raw_refusals, raw_refusals, raw_refusal_desc);

static void raw_refusal_test(struct kunit *test)
{
	const struct raw_refusal *c = test->param_value;
	struct floop_range range = { };

	KUNIT_EXPECT_EQ(test, c->error,
			floop_raw_check(c->geo, &c->raw, &range));
}

/* Every bit, whether it has a name today or not. */
static void fiemap_kind_test(struct kunit *test)
{
	const u32 harmless = FIEMAP_EXTENT_LAST | FIEMAP_EXTENT_MERGED;
	enum floop_kind expected;
	unsigned int bit;

	KUNIT_EXPECT_EQ(test, floop_fiemap_kind(0), FLOOP_WRITTEN);
	for (bit = 0; bit < 32; bit++) {
		if (BIT(bit) & harmless)
			expected = FLOOP_WRITTEN;
		else if (BIT(bit) == FIEMAP_EXTENT_UNWRITTEN)
			expected = FLOOP_HOLE;
		else
			expected = FLOOP_FILE;

		KUNIT_EXPECT_EQ_MSG(test, floop_fiemap_kind(BIT(bit)), expected,
				    "flag %#lx", BIT(bit));
		KUNIT_EXPECT_EQ_MSG(test, floop_fiemap_kind(BIT(bit) | harmless),
				    expected, "flag %#lx and harmless ones",
				    BIT(bit));
		if (expected == FLOOP_WRITTEN)
			expected = FLOOP_HOLE;
		KUNIT_EXPECT_EQ_MSG(test, expected,
				    floop_fiemap_kind(BIT(bit) |
						      FIEMAP_EXTENT_UNWRITTEN),
				    "flag %#lx and unwritten", BIT(bit));
	}
}

static struct kunit_case map_source_cases[] = {
	KUNIT_CASE_PARAM(raw_check_test, raw_cases_gen_params),
	KUNIT_CASE_PARAM(raw_refusal_test, raw_refusals_gen_params),
	KUNIT_CASE(fiemap_kind_test),
	{ }
};

static struct kunit_suite map_source_suite = {
	.name = "fastloop_map_source",
	.test_cases = map_source_cases,
};

kunit_test_suites(&map_source_suite);
