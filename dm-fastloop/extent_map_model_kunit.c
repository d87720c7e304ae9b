// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit test of the extent map against a plain array: 1.2 million random
 * operations, with fixed seeds, after each of which every sector that could
 * have changed is looked up and the counters are counted anew.
 *
 * The array has one element a cell. In a dense universe a cell is a sector; in
 * a sparse one its borders are the only sectors where ranges begin and end.
 */
#include <kunit/test.h>
#include <linux/prandom.h>
#include <linux/sched.h>

#include "extent_map.h"

#define MAX_SECTOR	FLOOP_MAX_SECTORS
#define MAX_CELLS	1024

/* A kernel that checks itself runs in a slow guest as well. */
#define SLOWNESS	(IS_ENABLED(CONFIG_KASAN) ? 200 : 1)

struct universe {
	const char *name;
	unsigned int nr_cells;
	sector_t (*border)(const struct universe *universe, unsigned int cell);
	unsigned int nr_ops;
	unsigned int max_len;		/* of most operations, in cells */
	u64 seed;
};

static sector_t bottom_border(const struct universe *universe,
			      unsigned int cell)
{
	return cell;
}

static sector_t top_border(const struct universe *universe, unsigned int cell)
{
	return MAX_SECTOR - universe->nr_cells + cell;
}

/* One sector at either end, huge cells between. */
static sector_t sparse_border(const struct universe *universe,
			      unsigned int cell)
{
	if (cell < 2)
		return cell;
	if (universe->nr_cells - cell < 2)
		return MAX_SECTOR - (universe->nr_cells - cell);
	return MAX_SECTOR / universe->nr_cells * cell + cell;
}

static const struct universe universes[] = {
	{ "three sectors at 0", 3, bottom_border, 100000, 2, 1 },
	{ "dense at 0", 64, bottom_border, 400000, 4, 2 },
	{ "dense at the end", 64, top_border, 200000, 4, 3 },
	{ "sparse", 96, sparse_border, 200000, 4, 4 },
	{ "deep", MAX_CELLS, bottom_border, 200000, 2, 5 },
	{ "long ranges", 512, sparse_border, 100000, 200, 6 },
};

static void universe_desc(const struct universe *universe, char *desc)
{
	strscpy(desc, universe->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(universes, universes, universe_desc);

/* Differences between address and sector: few, so that neighbours join. */
static const sector_t differences[] = {
	0, 8, -8, MAX_SECTOR / 2, -MAX_SECTOR / 2,
};

struct cell {
	enum floop_kind kind;
	sector_t difference;	/* WRITTEN only, else 0 */
};

struct model {
	const struct universe *universe;
	struct floop_extent_map map;
	struct rnd_state rnd;
	struct cell cells[MAX_CELLS];
	sector_t border[MAX_CELLS + 1];
	unsigned int hand;		/* a cell: where a shrink goes on */
};

struct model_op {
	unsigned int first, end;	/* cells */
	struct cell cell;
	int error;			/* what it must return */
};

static bool same(const struct model *model, unsigned int a, unsigned int b)
{
	return model->cells[a].kind == model->cells[b].kind &&
	       model->cells[a].difference == model->cells[b].difference;
}

/* The sector after the range that cell is in. */
static sector_t range_end(const struct model *model, unsigned int cell)
{
	unsigned int nr_cells = model->universe->nr_cells;

	while (cell + 1 < nr_cells && same(model, cell, cell + 1))
		cell++;
	if (cell + 1 == nr_cells && model->cells[cell].kind == FLOOP_UNKNOWN)
		return MAX_SECTOR;
	return model->border[cell + 1];
}

static bool lookup_agrees(struct kunit *test, struct model *model,
			  unsigned int cell, sector_t sector, sector_t end)
{
	const struct cell *expected = &model->cells[cell];
	sector_t phys = sector + expected->difference;
	struct floop_answer answer;

	answer = floop_map_lookup(&model->map, sector);
	if (answer.kind == expected->kind &&
	    answer.nr_sectors == end - sector &&
	    (answer.kind != FLOOP_WRITTEN || answer.phys == phys))
		return true;

	KUNIT_FAIL(test, "sector %llu is kind %d phys %llu +%llu, should be %d %llu +%llu",
		   sector, answer.kind, answer.phys, answer.nr_sectors,
		   expected->kind, phys, end - sector);
	return false;
}

/* Looks up both ends of every cell in [first, end). */
static bool cells_agree(struct kunit *test, struct model *model,
			unsigned int first, unsigned int end)
{
	sector_t end_sector = range_end(model, end - 1);
	unsigned int cell = end;

	while (cell-- > first) {
		if (cell + 1 < end && !same(model, cell, cell + 1))
			end_sector = model->border[cell + 1];
		if (!lookup_agrees(test, model, cell, model->border[cell],
				   end_sector) ||
		    !lookup_agrees(test, model, cell,
				   model->border[cell + 1] - 1, end_sector))
			return false;
	}
	return true;
}

static bool counters_agree(struct kunit *test, const struct model *model)
{
	const struct floop_extent_map *map = &model->map;
	unsigned long nr_extents = 0;
	sector_t known = 0, holes = 0, len;
	unsigned int i;

	for (i = 0; i < model->universe->nr_cells; i++) {
		len = model->border[i + 1] - model->border[i];
		if (model->cells[i].kind == FLOOP_UNKNOWN)
			continue;
		known += len;
		if (model->cells[i].kind == FLOOP_HOLE)
			holes += len;
		if (!i || !same(model, i - 1, i))
			nr_extents++;
	}
	if (map->nr_extents == nr_extents && map->known == known &&
	    map->holes == holes)
		return true;

	KUNIT_FAIL(test, "extents %lu known %llu holes %llu, should be %lu, %llu, %llu",
		   map->nr_extents, map->known, map->holes,
		   nr_extents, known, holes);
	return false;
}

static u32 pick(struct model *model, u32 limit)
{
	return prandom_u32_state(&model->rnd) % limit;
}

static void model_op_pick(struct model *model, struct model_op *op)
{
	unsigned int nr_cells = model->universe->nr_cells;
	unsigned int max_len = model->universe->max_len;
	sector_t phys, nr_sectors;

	if (!pick(model, 64))
		max_len = nr_cells;
	op->first = pick(model, nr_cells);
	op->end = op->first + 1 + pick(model, max_len);
	op->end = min(op->end, nr_cells);
	op->cell.kind = pick(model, FLOOP_FILE + 1);
	op->cell.difference = 0;
	op->error = 0;
	if (op->cell.kind != FLOOP_WRITTEN)
		return;

	op->cell.difference = differences[pick(model, ARRAY_SIZE(differences))];
	phys = model->border[op->first] + op->cell.difference;
	nr_sectors = model->border[op->end] - model->border[op->first];
	if (phys >= MAX_SECTOR || nr_sectors > MAX_SECTOR - phys)
		op->error = -EINVAL;
}

static int model_op_do(struct model *model, const struct model_op *op,
		       gfp_t gfp)
{
	sector_t sector = model->border[op->first];
	sector_t nr_sectors = model->border[op->end] - sector;

	if (op->cell.kind == FLOOP_UNKNOWN)
		return floop_map_forget(&model->map, sector, nr_sectors, gfp);
	return floop_map_set(&model->map, sector, nr_sectors, op->cell.kind,
			     sector + op->cell.difference, gfp);
}

static bool model_agrees(struct kunit *test, struct model *model,
			 const struct model_op *op, bool all)
{
	unsigned int nr_cells = model->universe->nr_cells;

	if (!counters_agree(test, model))
		return false;
	if (all)
		return cells_agree(test, model, 0, nr_cells);
	return cells_agree(test, model, op->first - !!op->first,
			   min(op->end + 1, nr_cells));
}

#ifdef CONFIG_FAILSLAB
/*
 * Lets the first allocation fail, then the second, and so on, until the
 * operation needs no more than what it gets. Says whether it is done.
 */
static bool model_op_starve(struct kunit *test, struct model *model,
			    const struct model_op *op, unsigned long *nr_failed)
{
	unsigned int nth = 0;
	int r;

	do {
		current->fail_nth = ++nth;
		r = model_op_do(model, op, GFP_NOWAIT);
		if (current->fail_nth)	/* not reached */
			break;
		if (!r)			/* one that it can do without */
			break;
		if (r != -ENOMEM) {
			KUNIT_FAIL(test, "allocation %u failed, returns %d",
				   nth, r);
			break;
		}
		*nr_failed += 1;
	} while (model_agrees(test, model, op, true));

	current->fail_nth = 0;
	return !r;
}
#else
static bool model_op_starve(struct kunit *test, struct model *model,
			    const struct model_op *op, unsigned long *nr_failed)
{
	return false;
}
#endif

/* What floop_map_shrink() is going to do; returns how many ranges that are. */
static unsigned long model_shrink(struct model *model, unsigned long nr)
{
	unsigned int nr_cells = model->universe->nr_cells;
	struct cell *cells = model->cells;
	unsigned long found = 0;
	unsigned int cell = model->hand;
	struct cell range;

	while (cell < nr_cells && cells[cell].kind == FLOOP_UNKNOWN)
		cell++;
	/* From the beginning, or all of the range that the hand is in. */
	if (cell == nr_cells)
		cell = 0;
	while (cell && same(model, cell - 1, cell))
		cell--;

	while (cell < nr_cells && found < nr) {
		range = cells[cell];
		found += range.kind != FLOOP_UNKNOWN;
		while (cell < nr_cells && cells[cell].kind == range.kind &&
		       cells[cell].difference == range.difference)
			cells[cell++] = (struct cell){};
	}
	model->hand = found < nr ? 0 : cell;

	return found;
}

/* One call of floop_map_shrink(), sometimes without memory for it. */
static bool model_shrinks(struct kunit *test, struct model *model)
{
	unsigned long all = model->map.nr_extents;
	unsigned long nr = 1 + pick(model, pick(model, 4) ? 8 : 400);
	unsigned long expected = model_shrink(model, nr);
	bool failed = false;
	unsigned long found;

#ifdef CONFIG_FAILSLAB
	bool starve = !pick(model, 4);

	current->fail_nth = starve;
	found = floop_map_shrink(&model->map, nr, GFP_NOWAIT);
	failed = starve && !current->fail_nth;
	current->fail_nth = 0;
#else
	found = floop_map_shrink(&model->map, nr, GFP_NOWAIT);
#endif
	if (failed && found == all && !model->map.nr_extents) {
		model->hand = 0;
		memset(model->cells, 0, sizeof(model->cells));
		return true;
	}
	if (found == expected)
		return true;

	KUNIT_FAIL(test, "forgets %lu ranges, should be %lu", found, expected);
	return false;
}

static bool model_step(struct kunit *test, struct model *model, unsigned int i,
		       unsigned long *nr_failed)
{
	bool all = !(i % 64);
	struct model_op op;
	unsigned int cell;
	int r = 0;

	model_op_pick(model, &op);
	if (!pick(model, 2000)) {
		floop_map_clear(&model->map);
		memset(model->cells, 0, sizeof(model->cells));
		all = true;
	}
	if (!pick(model, 200)) {
		if (!model_shrinks(test, model))
			return false;
		all = true;
	}
	/* The first range always needs memory. */
	if (op.error || (pick(model, 32) && model->map.tree.root) ||
	    !model_op_starve(test, model, &op, nr_failed))
		r = model_op_do(model, &op, GFP_KERNEL);
	for (cell = op.first; !op.error && cell < op.end; cell++)
		model->cells[cell] = op.cell;

	if (r == op.error && model_agrees(test, model, &op, all))
		return true;

	KUNIT_FAIL(test, "operation %u: [%u, %u) kind %d difference %lld returns %d, not %d",
		   i, op.first, op.end, op.cell.kind,
		   (long long)op.cell.difference, r, op.error);
	return false;
}

static void map_model_test(struct kunit *test)
{
	const struct universe *universe = test->param_value;
	unsigned long nr_failed = 0;
	struct model *model;
	unsigned int i;

	model = kunit_kzalloc(test, sizeof(*model), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, model);
	model->universe = universe;
	prandom_seed_state(&model->rnd, universe->seed);
	for (i = 0; i <= universe->nr_cells; i++)
		model->border[i] = universe->border(universe, i);
	KUNIT_ASSERT_EQ(test, floop_map_init(&model->map, 4096), 0);

	for (i = 0; i < universe->nr_ops / SLOWNESS; i++) {
		if (!model_step(test, model, i, &nr_failed))
			break;
		cond_resched();
	}
	kunit_info(test, "%s: %u operations, %lu allocations made fail, %lu ranges left\n",
		   universe->name, i, nr_failed, model->map.nr_extents);
	if (IS_ENABLED(CONFIG_FAILSLAB))
		KUNIT_EXPECT_NE(test, nr_failed, 0UL);
	floop_map_exit(&model->map);
}

static struct kunit_case extent_map_model_cases[] = {
	KUNIT_CASE_PARAM(map_model_test, universes_gen_params),
	{ }
};

static int extent_map_model_suite_init(struct kunit_suite *suite)
{
	return floop_tree_module_init();
}

static void extent_map_model_suite_exit(struct kunit_suite *suite)
{
	floop_tree_module_exit();
}

static struct kunit_suite extent_map_model_suite = {
	.name = "fastloop_extent_map_model",
	.suite_init = extent_map_model_suite_init,
	.suite_exit = extent_map_model_suite_exit,
	.test_cases = extent_map_model_cases,
};

kunit_test_suites(&extent_map_model_suite);
