// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the extent map: named cases, a comparison with a plain array
 * under random operations, failing allocations, and readers that run into a
 * mutator.
 *
 * extent_map.c is included, so that the two calls whose timing and failures
 * matter can be intercepted, and so that dm-fastloop.ko is not needed.
 */
#include <kunit/test.h>
#include <linux/module.h>

#include "range_tree.h"

static struct floop_node *test_nodes_alloc(unsigned int nr, gfp_t gfp);
static void *test_tree_find(const struct floop_tree *tree, unsigned long index,
			    unsigned long *first, unsigned long *last);

#define floop_nodes_alloc	test_nodes_alloc
#define floop_tree_find		test_tree_find
#include "extent_map.c"
#undef floop_nodes_alloc
#undef floop_tree_find

/* The next nodes cannot be had */
static bool no_memory;
/* What the last ones were wanted with */
static gfp_t gfp_used;

static struct floop_node *test_nodes_alloc(unsigned int nr, gfp_t gfp)
{
	gfp_used = gfp;
	if (no_memory)
		return NULL;
	return floop_nodes_alloc(nr, gfp);
}

/* What happens in the middle of the next walk */
static void (*walk_interrupt)(struct floop_extent_map *map);
static unsigned int walks;

/*
 * The worst that can befall a walk: it has read the bounds of a range before a
 * mutation, and reads its entry after it.
 */
static void *test_tree_find(const struct floop_tree *tree, unsigned long index,
			    unsigned long *first, unsigned long *last)
{
	void *entry = floop_tree_find(tree, index, first, last);
	void (*interrupt)(struct floop_extent_map *map) = walk_interrupt;
	unsigned long after_first, after_last;
	unsigned int before = ++walks;

	if (!interrupt)
		return entry;

	walk_interrupt = NULL;
	/* Mutators may sleep. */
	rcu_read_unlock();
	interrupt(container_of(tree, struct floop_extent_map, tree));
	rcu_read_lock();
	/* Mutators walk as well. */
	walks = before;
	return floop_tree_find(tree, index, &after_first, &after_last);
}

#define MAX_SECTOR	FLOOP_MAX_SECTORS

static const char kind_letter[] = {
	[FLOOP_UNKNOWN] = '-',
	[FLOOP_WRITTEN] = 'W',
	[FLOOP_HOLE] = 'H',
	[FLOOP_FILE] = 'F',
};

/* A range to set, to forget ('-'), or that is expected. */
struct test_range {
	char kind;
	sector_t sector;
	sector_t nr_sectors;
	sector_t phys;
};

static enum floop_kind test_kind(char letter)
{
	enum floop_kind kind = FLOOP_FILE;

	while (kind && kind_letter[kind] != letter)
		kind--;
	return kind;
}

static int test_apply(struct floop_extent_map *map,
		      const struct test_range *range, gfp_t gfp)
{
	if (range->kind == '-')
		return floop_map_forget(map, range->sector, range->nr_sectors,
					gfp);
	return floop_map_set(map, range->sector, range->nr_sectors,
			     test_kind(range->kind), range->phys, gfp);
}

/* --- named cases --------------------------------------------------------- */

#define MAX_STEPS	6

struct map_case {
	const char *name;
	struct test_range steps[MAX_STEPS];
	struct test_range expected[MAX_STEPS];
};

static const struct map_case map_cases[] = {
	{ "empty", { }, { } },
	{ "one range", { { 'W', 8, 8, 100 } }, { { 'W', 8, 8, 100 } } },
	{ "one sector at 0", { { 'W', 0, 1, 5 } }, { { 'W', 0, 1, 5 } } },
	{ "one sector at 0 grows",
		{ { 'W', 0, 1, 5 }, { 'W', 1, 3, 6 } }, { { 'W', 0, 4, 5 } } },
	{ "one sector at 0 and a stranger",
		{ { 'W', 0, 1, 5 }, { 'W', 1, 3, 9 } },
		{ { 'W', 0, 1, 5 }, { 'W', 1, 3, 9 } } },
	{ "one sector at 0 and another far away",
		{ { 'H', 0, 1 }, { 'H', 1000, 1 } },
		{ { 'H', 0, 1 }, { 'H', 1000, 1 } } },
	{ "one sector at 0 replaced",
		{ { 'W', 0, 1, 5 }, { 'H', 0, 1 } }, { { 'H', 0, 1 } } },
	{ "one sector at 0 forgotten",
		{ { 'W', 0, 1, 5 }, { '-', 0, 1 } }, { } },
	{ "one sector at 0 forgotten with more",
		{ { 'W', 0, 1, 5 }, { '-', 0, 100 } }, { } },
	{ "one sector at 0 survives a forget behind it",
		{ { 'W', 0, 1, 5 }, { '-', 1, 100 } }, { { 'W', 0, 1, 5 } } },

	{ "joins the range before",
		{ { 'W', 0, 8, 100 }, { 'W', 8, 8, 108 } },
		{ { 'W', 0, 16, 100 } } },
	{ "joins the range after",
		{ { 'W', 8, 8, 108 }, { 'W', 0, 8, 100 } },
		{ { 'W', 0, 16, 100 } } },
	{ "joins both neighbours",
		{ { 'W', 0, 8, 100 }, { 'W', 16, 8, 116 }, { 'W', 8, 8, 108 } },
		{ { 'W', 0, 24, 100 } } },
	{ "joins holes", { { 'H', 0, 8 }, { 'H', 8, 8 } }, { { 'H', 0, 16 } } },
	{ "joins file ranges",
		{ { 'F', 0, 8 }, { 'F', 8, 8 } }, { { 'F', 0, 16 } } },
	{ "a hole has no address",
		{ { 'H', 0, 8, 77 }, { 'H', 8, 8, 99 } }, { { 'H', 0, 16 } } },
	{ "joins over what it replaces",
		{ { 'W', 0, 8, 100 }, { 'H', 8, 8 }, { 'W', 16, 8, 116 },
		  { 'W', 8, 8, 108 } },
		{ { 'W', 0, 24, 100 } } },
	{ "joins a neighbour that it overlaps",
		{ { 'W', 0, 8, 100 }, { 'W', 4, 8, 104 } },
		{ { 'W', 0, 12, 100 } } },
	{ "does not join a jump forward",
		{ { 'W', 0, 8, 100 }, { 'W', 8, 8, 109 } },
		{ { 'W', 0, 8, 100 }, { 'W', 8, 8, 109 } } },
	{ "does not join a jump backward",
		{ { 'W', 0, 8, 100 }, { 'W', 8, 8, 107 } },
		{ { 'W', 0, 8, 100 }, { 'W', 8, 8, 107 } } },
	{ "does not join the same address",
		{ { 'W', 0, 8, 100 }, { 'W', 8, 8, 100 } },
		{ { 'W', 0, 8, 100 }, { 'W', 8, 8, 100 } } },
	{ "does not join over a gap",
		{ { 'W', 0, 8, 100 }, { 'W', 9, 8, 109 } },
		{ { 'W', 0, 8, 100 }, { 'W', 9, 8, 109 } } },
	{ "does not join another kind",
		{ { 'H', 0, 8 }, { 'F', 8, 8 }, { 'W', 16, 8, 16 } },
		{ { 'H', 0, 8 }, { 'F', 8, 8 }, { 'W', 16, 8, 16 } } },

	{ "splits", { { 'H', 0, 24 }, { 'W', 8, 8, 100 } },
		{ { 'H', 0, 8 }, { 'W', 8, 8, 100 }, { 'H', 16, 8 } } },
	{ "a written range keeps its place when split",
		{ { 'W', 0, 24, 100 }, { 'H', 8, 8 } },
		{ { 'W', 0, 8, 100 }, { 'H', 8, 8 }, { 'W', 16, 8, 116 } } },
	{ "split and joined again",
		{ { 'W', 0, 24, 100 }, { 'H', 8, 8 }, { 'W', 8, 8, 108 } },
		{ { 'W', 0, 24, 100 } } },
	{ "the same again changes nothing",
		{ { 'W', 0, 24, 100 }, { 'W', 8, 8, 108 } },
		{ { 'W', 0, 24, 100 } } },
	{ "replaces exactly", { { 'H', 8, 8 }, { 'W', 8, 8, 50 } },
		{ { 'W', 8, 8, 50 } } },
	{ "replaces the start", { { 'H', 8, 8 }, { 'F', 8, 3 } },
		{ { 'F', 8, 3 }, { 'H', 11, 5 } } },
	{ "replaces the end", { { 'H', 8, 8 }, { 'F', 13, 3 } },
		{ { 'H', 8, 5 }, { 'F', 13, 3 } } },
	{ "replaces several and parts of two",
		{ { 'H', 0, 8 }, { 'F', 8, 4 }, { 'W', 20, 4, 1 }, { 'H', 30, 8 },
		  { 'F', 4, 30 } },
		{ { 'H', 0, 4 }, { 'F', 4, 30 }, { 'H', 34, 4 } } },
	{ "a fill moves the border of a hole",
		{ { 'W', 0, 8, 100 }, { 'H', 8, 92 }, { 'W', 8, 8, 108 },
		  { 'W', 16, 8, 116 } },
		{ { 'W', 0, 24, 100 }, { 'H', 24, 76 } } },

	{ "forgets nothing", { { '-', 5, 5 } }, { } },
	{ "forgets all", { { 'H', 5, 5 }, { '-', 0, MAX_SECTOR } }, { } },
	{ "forgets the middle", { { 'W', 0, 24, 100 }, { '-', 8, 8 } },
		{ { 'W', 0, 8, 100 }, { 'W', 16, 8, 116 } } },
	{ "forgets the start", { { 'W', 0, 24, 100 }, { '-', 0, 8 } },
		{ { 'W', 8, 16, 108 } } },
	{ "forgets the end", { { 'W', 0, 24, 100 }, { '-', 16, 100 } },
		{ { 'W', 0, 16, 100 } } },
	{ "forgets over several",
		{ { 'H', 0, 8 }, { 'F', 8, 4 }, { 'W', 20, 4, 1 }, { 'H', 30, 8 },
		  { '-', 4, 30 } },
		{ { 'H', 0, 4 }, { 'H', 34, 4 } } },

	{ "the last sector", { { 'W', MAX_SECTOR - 1, 1, 0 } },
		{ { 'W', MAX_SECTOR - 1, 1, 0 } } },
	{ "the last address", { { 'W', 0, 1, MAX_SECTOR - 1 } },
		{ { 'W', 0, 1, MAX_SECTOR - 1 } } },
	{ "everything", { { 'H', 0, MAX_SECTOR } }, { { 'H', 0, MAX_SECTOR } } },
	{ "everything in place", { { 'W', 0, MAX_SECTOR, 0 } },
		{ { 'W', 0, MAX_SECTOR, 0 } } },
	{ "everything but one sector",
		{ { 'W', 0, MAX_SECTOR, 0 }, { '-', MAX_SECTOR / 2, 1 } },
		{ { 'W', 0, MAX_SECTOR / 2, 0 },
		  { 'W', MAX_SECTOR / 2 + 1, MAX_SECTOR / 2 - 1,
		    MAX_SECTOR / 2 + 1 } } },
	{ "everything, in two halves",
		{ { 'F', MAX_SECTOR / 2, MAX_SECTOR / 2 },
		  { 'F', 0, MAX_SECTOR / 2 } },
		{ { 'F', 0, MAX_SECTOR } } },
};

static void map_case_desc(const struct map_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(map_cases, map_cases, map_case_desc);

/* Compares the map with a list of ranges, from 0 to the last sector. */
static void expect_ranges(struct kunit *test, struct floop_extent_map *map,
			  const struct test_range *expected)
{
	sector_t sector = 0, known = 0, holes = 0;
	unsigned long nr_extents = 0;
	struct floop_answer answer;

	for (; sector < MAX_SECTOR; sector += answer.nr_sectors) {
		answer = floop_map_lookup(map, sector);
		KUNIT_ASSERT_GE(test, answer.nr_sectors, 1ULL);
		if (answer.kind == FLOOP_UNKNOWN)
			continue;

		KUNIT_ASSERT_LT(test, nr_extents, (unsigned long)MAX_STEPS);
		KUNIT_EXPECT_EQ_MSG(test, kind_letter[answer.kind],
				    expected->kind, "at sector %llu", sector);
		KUNIT_EXPECT_EQ(test, sector, expected->sector);
		KUNIT_EXPECT_EQ(test, answer.nr_sectors, expected->nr_sectors);
		if (answer.kind == FLOOP_WRITTEN)
			KUNIT_EXPECT_EQ(test, answer.phys, expected->phys);

		known += answer.nr_sectors;
		if (answer.kind == FLOOP_HOLE)
			holes += answer.nr_sectors;
		nr_extents++;
		expected++;
	}
	KUNIT_EXPECT_EQ(test, sector, MAX_SECTOR);
	KUNIT_EXPECT_FALSE_MSG(test, expected->nr_sectors,
			       "no range at sector %llu", expected->sector);
	KUNIT_EXPECT_EQ(test, map->nr_extents, nr_extents);
	KUNIT_EXPECT_EQ(test, map->known, known);
	KUNIT_EXPECT_EQ(test, map->holes, holes);
}

static void map_case_test(struct kunit *test)
{
	const struct map_case *c = test->param_value;
	const struct test_range *step;
	struct floop_extent_map map;

	KUNIT_ASSERT_EQ(test, floop_map_init(&map, MAX_SECTOR), 0);
	for (step = c->steps; step->nr_sectors; step++)
		KUNIT_EXPECT_EQ(test, test_apply(&map, step, GFP_KERNEL), 0);
	expect_ranges(test, &map, c->expected);

	floop_map_clear(&map);
	expect_ranges(test, &map, &(struct test_range){ });

	/* A map that was cleared is as good as new. */
	for (step = c->steps; step->nr_sectors; step++)
		KUNIT_EXPECT_EQ(test, test_apply(&map, step, GFP_KERNEL), 0);
	expect_ranges(test, &map, c->expected);
	floop_map_exit(&map);
}

/* --- refusals ------------------------------------------------------------ */

struct map_refusal {
	const char *name;
	enum floop_kind kind;
	sector_t sector;
	sector_t nr_sectors;
	sector_t phys;
};

static const struct map_refusal map_refusals[] = {
	{ "empty", FLOOP_HOLE, 10, 0, 0 },
	{ "empty at the end", FLOOP_HOLE, MAX_SECTOR, 0, 0 },
	{ "beyond the end", FLOOP_HOLE, MAX_SECTOR, 1, 0 },
	{ "over the end", FLOOP_HOLE, MAX_SECTOR - 1, 2, 0 },
	{ "too long", FLOOP_HOLE, 0, MAX_SECTOR + 1, 0 },
	{ "end wraps", FLOOP_HOLE, 10, ~0ULL, 0 },
	{ "end wraps to 0", FLOOP_HOLE, 10, ~0ULL - 9, 0 },
	{ "sector huge", FLOOP_HOLE, ~0ULL, 1, 0 },
	{ "address beyond the end", FLOOP_WRITTEN, 10, 1, MAX_SECTOR },
	{ "address over the end", FLOOP_WRITTEN, 10, 2, MAX_SECTOR - 1 },
	{ "address wraps", FLOOP_WRITTEN, 10, 2, ~0ULL },
	{ "unknown cannot be set", FLOOP_UNKNOWN, 10, 1, 0 },
	{ "no such kind", FLOOP_FILE + 1, 10, 1, 0 },
	{ "negative kind", -1, 10, 1, 0 },
};

static void map_refusal_desc(const struct map_refusal *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(map_refusals, map_refusals, map_refusal_desc);

static void map_refusal_test(struct kunit *test)
{
	static const struct test_range before[] = {
		{ 'W', 5, 10, 1000 }, { 'H', 15, 10 }, { },
	};
	const struct map_refusal *c = test->param_value;
	struct floop_extent_map map;

	KUNIT_ASSERT_EQ(test, floop_map_init(&map, MAX_SECTOR), 0);
	KUNIT_EXPECT_EQ(test, test_apply(&map, &before[0], GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, test_apply(&map, &before[1], GFP_KERNEL), 0);

	KUNIT_EXPECT_EQ(test, -EINVAL,
			floop_map_set(&map, c->sector, c->nr_sectors, c->kind,
				      c->phys, GFP_KERNEL));
	if (c->kind == FLOOP_HOLE)
		KUNIT_EXPECT_EQ(test, -EINVAL,
				floop_map_forget(&map, c->sector,
						 c->nr_sectors, GFP_KERNEL));
	expect_ranges(test, &map, before);
	floop_map_exit(&map);
}

/* --- no memory ----------------------------------------------------------- */

static void map_nomem_test(struct kunit *test)
{
	static const struct test_range before[] = { { 'H', 0, 30 }, { } };
	static const struct test_range none[] = { { } };
	struct floop_extent_map map;
	unsigned int i;

	/* The first range needs a node. */
	KUNIT_ASSERT_EQ(test, floop_map_init(&map, MAX_SECTOR), 0);
	no_memory = true;
	KUNIT_EXPECT_EQ(test, test_apply(&map, before, GFP_NOWAIT), -ENOMEM);
	KUNIT_EXPECT_EQ(test, gfp_used, GFP_NOWAIT);
	expect_ranges(test, &map, none);
	no_memory = false;
	KUNIT_EXPECT_EQ(test, test_apply(&map, before, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, gfp_used, GFP_KERNEL);

	/* So many more as there is room for. */
	no_memory = true;
	for (i = 0; i < 100; i++)
		if (floop_map_set(&map, 100 + 2 * i, 1, FLOOP_FILE, 0,
				  GFP_NOWAIT))
			break;
	no_memory = false;
	KUNIT_EXPECT_EQ(test, i, 14U);
	KUNIT_EXPECT_EQ(test, map.nr_extents, 15UL);
	KUNIT_EXPECT_EQ(test, map.known, 44ULL);
	KUNIT_EXPECT_EQ(test, floop_map_lookup(&map, 100 + 2 * i).kind,
			FLOOP_UNKNOWN);

	/* Without memory for less, it forgets everything. */
	no_memory = true;
	floop_map_forget_surely(&map, 10, 10);
	no_memory = false;
	expect_ranges(test, &map, none);
	KUNIT_EXPECT_EQ(test, map.nr_extents, 0UL);
	floop_map_exit(&map);
}

/* --- a reader that a mutation overlaps ----------------------------------- */

/* Border and entry change: old bounds with the new entry would be 0+10@505. */
static void mutate_twice(struct floop_extent_map *map)
{
	floop_map_set(map, 5, 5, FLOOP_WRITTEN, 905, GFP_NOWAIT);
	floop_map_set(map, 0, 5, FLOOP_WRITTEN, 500, GFP_NOWAIT);
}

static void map_torn_walk_is_repeated(struct kunit *test)
{
	struct floop_extent_map map;
	struct floop_answer answer;

	KUNIT_ASSERT_EQ(test, floop_map_init(&map, MAX_SECTOR), 0);
	floop_map_set(&map, 0, 10, FLOOP_WRITTEN, 100, GFP_KERNEL);
	walks = 0;
	walk_interrupt = mutate_twice;
	answer = floop_map_lookup(&map, 2);
	KUNIT_EXPECT_EQ(test, walks, 2U);
	KUNIT_EXPECT_EQ(test, answer.kind, FLOOP_WRITTEN);
	KUNIT_EXPECT_EQ(test, answer.phys, 502ULL);
	KUNIT_EXPECT_EQ(test, answer.nr_sectors, 3ULL);

	floop_map_set(&map, 90, 1, FLOOP_HOLE, 0, GFP_KERNEL);	/* no memo */
	walk_interrupt = floop_map_clear;
	answer = floop_map_lookup(&map, 2);
	KUNIT_EXPECT_EQ(test, answer.kind, FLOOP_UNKNOWN);
	KUNIT_EXPECT_EQ(test, answer.nr_sectors, MAX_SECTOR - 2);
	floop_map_exit(&map);
}

static void map_reader_does_not_wait(struct kunit *test)
{
	struct floop_extent_map map;
	struct floop_answer answer;

	KUNIT_ASSERT_EQ(test, floop_map_init(&map, MAX_SECTOR), 0);
	floop_map_set(&map, 0, 10, FLOOP_WRITTEN, 100, GFP_KERNEL);

	spin_lock(&map.lock);
	write_seqcount_begin(&map.seq);
	walks = 0;
	answer = floop_map_lookup(&map, 2);
	write_seqcount_end(&map.seq);
	spin_unlock(&map.lock);

	KUNIT_EXPECT_EQ(test, walks, (unsigned int)FLOOP_LOOKUP_TRIES);
	KUNIT_EXPECT_EQ(test, answer.kind, FLOOP_UNKNOWN);
	KUNIT_EXPECT_EQ(test, answer.nr_sectors, MAX_SECTOR - 2);
	floop_map_exit(&map);
}

/* --- what a CPU remembers ------------------------------------------------ */

static unsigned int walks_of(struct floop_extent_map *map, sector_t sector,
			     struct floop_answer *answer)
{
	walks = 0;
	*answer = floop_map_lookup(map, sector);
	return walks;
}

static void map_memo_test(struct kunit *test)
{
	struct floop_extent_map map;
	struct floop_answer answer;

	KUNIT_ASSERT_EQ(test, floop_map_init(&map, MAX_SECTOR), 0);
	floop_map_set(&map, 10, 10, FLOOP_WRITTEN, 100, GFP_KERNEL);
	/* The test stays on one CPU. */
	migrate_disable();

	KUNIT_EXPECT_EQ(test, walks_of(&map, 12, &answer), 1U);
	KUNIT_EXPECT_EQ(test, walks_of(&map, 10, &answer), 0U);
	KUNIT_EXPECT_EQ(test, answer.phys, 100ULL);
	KUNIT_EXPECT_EQ(test, answer.nr_sectors, 10ULL);
	KUNIT_EXPECT_EQ(test, walks_of(&map, 19, &answer), 0U);
	KUNIT_EXPECT_EQ(test, answer.phys, 109ULL);
	KUNIT_EXPECT_EQ(test, answer.nr_sectors, 1ULL);
	KUNIT_EXPECT_EQ(test, walks_of(&map, 9, &answer), 1U);
	KUNIT_EXPECT_EQ(test, answer.kind, FLOOP_UNKNOWN);
	KUNIT_EXPECT_EQ(test, walks_of(&map, 20, &answer), 1U);
	KUNIT_EXPECT_EQ(test, answer.kind, FLOOP_UNKNOWN);
	KUNIT_EXPECT_EQ(test, walks_of(&map, 21, &answer), 0U);
	KUNIT_EXPECT_EQ(test, answer.nr_sectors, MAX_SECTOR - 21);

	/* A change anywhere, and of any kind, and it asks the tree again. */
	KUNIT_EXPECT_EQ(test, walks_of(&map, 15, &answer), 1U);
	floop_map_set(&map, 15, 1, FLOOP_HOLE, 0, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, walks_of(&map, 15, &answer), 1U);
	KUNIT_EXPECT_EQ(test, answer.kind, FLOOP_HOLE);
	KUNIT_EXPECT_EQ(test, answer.nr_sectors, 1ULL);
	floop_map_forget(&map, 15, 1, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, walks_of(&map, 15, &answer), 1U);
	KUNIT_EXPECT_EQ(test, answer.kind, FLOOP_UNKNOWN);
	floop_map_clear(&map);
	KUNIT_EXPECT_EQ(test, walks_of(&map, 15, &answer), 1U);
	KUNIT_EXPECT_EQ(test, answer.nr_sectors, MAX_SECTOR - 15);

	migrate_enable();
	floop_map_exit(&map);
}

/* Ten ranges, 16 sectors from one to the next. */
static void map_shrink_test(struct kunit *test)
{
	struct floop_extent_map map;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, floop_map_init(&map, 4096), 0);
	KUNIT_EXPECT_EQ(test, floop_map_shrink(&map, 3, GFP_KERNEL), 0UL);
	for (i = 0; i < 10; i++)
		KUNIT_ASSERT_EQ(test, floop_map_set(&map, 16 * i, 8,
						    FLOOP_WRITTEN, 1000, GFP_KERNEL), 0);

	/* As many as were asked for, and the next time the next. */
	KUNIT_EXPECT_EQ(test, floop_map_shrink(&map, 3, GFP_KERNEL), 3UL);
	KUNIT_EXPECT_EQ(test, map.nr_extents, 7UL);
	KUNIT_EXPECT_EQ(test, floop_map_lookup(&map, 0).nr_sectors, 48ULL);
	KUNIT_EXPECT_EQ(test, floop_map_shrink(&map, 3, GFP_KERNEL), 3UL);
	KUNIT_EXPECT_EQ(test, floop_map_lookup(&map, 0).nr_sectors, 96ULL);

	/* All of a range that has grown over the place where it goes on. */
	KUNIT_ASSERT_EQ(test, floop_map_set(&map, 80, 24, FLOOP_WRITTEN, 984,
					    GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, floop_map_shrink(&map, 1, GFP_KERNEL), 1UL);
	KUNIT_EXPECT_EQ(test, floop_map_lookup(&map, 0).nr_sectors, 112ULL);

	/* No further than to the end; then from the beginning. */
	KUNIT_ASSERT_EQ(test, floop_map_set(&map, 0, 8, FLOOP_HOLE, 0,
					    GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, floop_map_shrink(&map, 100, GFP_KERNEL), 3UL);
	KUNIT_EXPECT_EQ(test, map.nr_extents, 1UL);
	KUNIT_EXPECT_EQ(test, floop_map_shrink(&map, 100, GFP_KERNEL), 1UL);
	KUNIT_EXPECT_EQ(test, map.known, 0ULL);
	floop_map_exit(&map);
}

static void map_first_unknown_test(struct kunit *test)
{
	struct floop_extent_map map;

	KUNIT_ASSERT_EQ(test, floop_map_init(&map, 4096), 0);
	KUNIT_EXPECT_EQ(test, floop_map_first_unknown(&map, 7), 7ULL);
	KUNIT_ASSERT_EQ(test, floop_map_set(&map, 8, 8, FLOOP_HOLE, 0,
					    GFP_KERNEL), 0);
	KUNIT_ASSERT_EQ(test, floop_map_set(&map, 16, 8, FLOOP_WRITTEN, 1000,
					    GFP_KERNEL), 0);
	KUNIT_ASSERT_EQ(test, floop_map_set(&map, 32, 8, FLOOP_FILE, 0,
					    GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, floop_map_first_unknown(&map, 7), 7ULL);
	KUNIT_EXPECT_EQ(test, floop_map_first_unknown(&map, 8), 24ULL);
	KUNIT_EXPECT_EQ(test, floop_map_first_unknown(&map, 23), 24ULL);
	KUNIT_EXPECT_EQ(test, floop_map_first_unknown(&map, 24), 24ULL);
	KUNIT_EXPECT_EQ(test, floop_map_first_unknown(&map, 39), 40ULL);
	KUNIT_ASSERT_EQ(test, floop_map_set(&map, MAX_SECTOR - 8, 8, FLOOP_HOLE,
					    0, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, floop_map_first_unknown(&map, MAX_SECTOR - 1),
			MAX_SECTOR);
	floop_map_exit(&map);
}

static struct kunit_case extent_map_cases[] = {
	KUNIT_CASE(map_memo_test),
	KUNIT_CASE_PARAM(map_case_test, map_cases_gen_params),
	KUNIT_CASE(map_shrink_test),
	KUNIT_CASE(map_first_unknown_test),
	KUNIT_CASE_PARAM(map_refusal_test, map_refusals_gen_params),
	KUNIT_CASE(map_nomem_test),
	KUNIT_CASE(map_torn_walk_is_repeated),
	KUNIT_CASE(map_reader_does_not_wait),
	{ }
};

static int extent_map_suite_init(struct kunit_suite *suite)
{
	return floop_tree_module_init();
}

static void extent_map_suite_exit(struct kunit_suite *suite)
{
	floop_tree_module_exit();
}

static struct kunit_suite extent_map_suite = {
	.name = "fastloop_extent_map",
	.suite_init = extent_map_suite_init,
	.suite_exit = extent_map_suite_exit,
	.test_cases = extent_map_cases,
};

kunit_test_suites(&extent_map_suite);

MODULE_DESCRIPTION("KUnit tests of dm-fastloop");
MODULE_LICENSE("GPL");
