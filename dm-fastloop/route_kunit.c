// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit test of routing: its truth table.
 */
#include <kunit/test.h>

#include "route.h"

static const struct route_row {
	const char *name;
	enum floop_kind kind;
	enum floop_verb read, write;
} route_rows[] = {
	{ "written", FLOOP_WRITTEN, FLOOP_DO_REMAP, FLOOP_DO_REMAP },
	{ "hole", FLOOP_HOLE, FLOOP_DO_ZERO, FLOOP_DO_FILL },
	{ "unknown", FLOOP_UNKNOWN, FLOOP_DO_LOOK_UP, FLOOP_DO_LOOK_UP },
	{ "file", FLOOP_FILE, FLOOP_DO_FILE, FLOOP_DO_FILL },
	{ "no such kind", FLOOP_FILE + 1, FLOOP_DO_FILE, FLOOP_DO_FILL },
	{ "negative kind", -1, FLOOP_DO_FILE, FLOOP_DO_FILL },
};

static void route_row_desc(const struct route_row *row, char *desc)
{
	strscpy(desc, row->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(route_rows, route_rows, route_row_desc);

static void route_test(struct kunit *test)
{
	const struct route_row *row = test->param_value;

	KUNIT_EXPECT_EQ(test, row->read, floop_route(row->kind, false, false));
	KUNIT_EXPECT_EQ(test, row->write, floop_route(row->kind, true, false));

	/* A device that cannot use the map goes through the file, always. */
	KUNIT_EXPECT_EQ(test, FLOOP_DO_FILE,
			floop_route(row->kind, false, true));
	KUNIT_EXPECT_EQ(test, FLOOP_DO_FILL,
			floop_route(row->kind, true, true));
}

static struct kunit_case route_cases[] = {
	KUNIT_CASE_PARAM(route_test, route_rows_gen_params),
	{ }
};

static struct kunit_suite route_suite = {
	.name = "fastloop_route",
	.test_cases = route_cases,
};

kunit_test_suites(&route_suite);
