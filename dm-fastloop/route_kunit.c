// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit test of routing: its truth table.
 */
#include <kunit/test.h>

#include "route.h"

#define NR_OPS	(FLOOP_DISCARD + 1)

/* What is done when the disk takes it, and when it does not. */
static const struct route_row {
	const char *name;
	enum floop_kind kind;
	bool disk_takes;
	enum floop_verb verb[NR_OPS];
} route_rows[] = {
	{ "written", FLOOP_WRITTEN, true, {
		[FLOOP_READ] = FLOOP_DO_REMAP,
		[FLOOP_WRITE] = FLOOP_DO_REMAP,
		[FLOOP_ZERO] = FLOOP_DO_REMAP,
		[FLOOP_ALLOCATE] = FLOOP_DO_REMAP,
		[FLOOP_UNMAP] = FLOOP_DO_PUNCH,
		[FLOOP_DISCARD] = FLOOP_DO_PUNCH } },
	{ "hole", FLOOP_HOLE, true, {
		[FLOOP_READ] = FLOOP_DO_ZERO,
		[FLOOP_WRITE] = FLOOP_DO_FILL,
		[FLOOP_ZERO] = FLOOP_DO_NOTHING,
		[FLOOP_ALLOCATE] = FLOOP_DO_ALLOCATE,
		[FLOOP_UNMAP] = FLOOP_DO_NOTHING,
		[FLOOP_DISCARD] = FLOOP_DO_NOTHING } },
	{ "unknown", FLOOP_UNKNOWN, true, {
		[FLOOP_READ] = FLOOP_DO_LOOK_UP,
		[FLOOP_WRITE] = FLOOP_DO_LOOK_UP,
		[FLOOP_ZERO] = FLOOP_DO_LOOK_UP,
		[FLOOP_ALLOCATE] = FLOOP_DO_LOOK_UP,
		[FLOOP_UNMAP] = FLOOP_DO_PUNCH,
		[FLOOP_DISCARD] = FLOOP_DO_PUNCH } },
	{ "file", FLOOP_FILE, true, {
		[FLOOP_READ] = FLOOP_DO_FILE,
		[FLOOP_WRITE] = FLOOP_DO_FILL,
		[FLOOP_ZERO] = FLOOP_DO_ZERO_FILE,
		[FLOOP_ALLOCATE] = FLOOP_DO_ZERO_FILE,
		[FLOOP_UNMAP] = FLOOP_DO_PUNCH,
		[FLOOP_DISCARD] = FLOOP_DO_PUNCH } },
	{ "no such kind", FLOOP_FILE + 1, true, {
		[FLOOP_READ] = FLOOP_DO_FILE,
		[FLOOP_WRITE] = FLOOP_DO_FILL,
		[FLOOP_ZERO] = FLOOP_DO_ZERO_FILE,
		[FLOOP_ALLOCATE] = FLOOP_DO_ZERO_FILE,
		[FLOOP_UNMAP] = FLOOP_DO_PUNCH,
		[FLOOP_DISCARD] = FLOOP_DO_PUNCH } },
	/* Between logical blocks of the disk data goes through the file. */
	{ "written, unaligned", FLOOP_WRITTEN, false, {
		[FLOOP_READ] = FLOOP_DO_FILE,
		[FLOOP_WRITE] = FLOOP_DO_FILL,
		[FLOOP_ZERO] = FLOOP_DO_ZERO_FILE,
		[FLOOP_ALLOCATE] = FLOOP_DO_ZERO_FILE,
		[FLOOP_UNMAP] = FLOOP_DO_PUNCH,
		[FLOOP_DISCARD] = FLOOP_DO_PUNCH } },
	{ "hole, unaligned", FLOOP_HOLE, false, {
		[FLOOP_READ] = FLOOP_DO_FILE,
		[FLOOP_WRITE] = FLOOP_DO_FILL,
		[FLOOP_ZERO] = FLOOP_DO_NOTHING,
		[FLOOP_ALLOCATE] = FLOOP_DO_ALLOCATE,
		[FLOOP_UNMAP] = FLOOP_DO_NOTHING,
		[FLOOP_DISCARD] = FLOOP_DO_NOTHING } },
	{ "unknown, unaligned", FLOOP_UNKNOWN, false, {
		[FLOOP_READ] = FLOOP_DO_FILE,
		[FLOOP_WRITE] = FLOOP_DO_FILL,
		[FLOOP_ZERO] = FLOOP_DO_LOOK_UP,
		[FLOOP_ALLOCATE] = FLOOP_DO_LOOK_UP,
		[FLOOP_UNMAP] = FLOOP_DO_PUNCH,
		[FLOOP_DISCARD] = FLOOP_DO_PUNCH } },
};

static void route_row_desc(const struct route_row *row, char *desc)
{
	strscpy(desc, row->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(route_rows, route_rows, route_row_desc);

static void route_test(struct kunit *test)
{
	const struct route_row *row = test->param_value;
	enum floop_op op;

	for (op = 0; op < NR_OPS; op++)
		KUNIT_EXPECT_EQ_MSG(test, row->verb[op],
				    floop_route(row->kind, op,
						row->disk_takes),
				    "op %d", op);
}

static const struct op_row {
	const char *name;
	blk_opf_t opf;
	enum floop_op may_punch, may_not;
} op_rows[] = {
	{ "read", REQ_OP_READ, FLOOP_READ, FLOOP_READ },
	{ "read ahead", REQ_OP_READ | REQ_RAHEAD, FLOOP_READ, FLOOP_READ },
	{ "write", REQ_OP_WRITE, FLOOP_WRITE, FLOOP_WRITE },
	{ "sync", REQ_OP_WRITE | REQ_FUA, FLOOP_WRITE, FLOOP_WRITE },
	{ "discard", REQ_OP_DISCARD, FLOOP_DISCARD, FLOOP_DISCARD },
	{ "zeroes", REQ_OP_WRITE_ZEROES, FLOOP_UNMAP, FLOOP_ZERO },
	{ "zeroes, no unmap", REQ_OP_WRITE_ZEROES | REQ_NOUNMAP,
	  FLOOP_ALLOCATE, FLOOP_ALLOCATE },
};

static void op_row_desc(const struct op_row *row, char *desc)
{
	strscpy(desc, row->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(op_rows, op_rows, op_row_desc);

static void op_test(struct kunit *test)
{
	const struct op_row *row = test->param_value;

	KUNIT_EXPECT_EQ(test, row->may_punch, floop_op(row->opf, true));
	KUNIT_EXPECT_EQ(test, row->may_not, floop_op(row->opf, false));
}

static struct kunit_case route_cases[] = {
	KUNIT_CASE_PARAM(route_test, route_rows_gen_params),
	KUNIT_CASE_PARAM(op_test, op_rows_gen_params),
	{ }
};

static struct kunit_suite route_suite = {
	.name = "fastloop_route",
	.test_cases = route_cases,
};

kunit_test_suites(&route_suite);
