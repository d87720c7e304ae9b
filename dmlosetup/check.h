/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * check: what the unit tests have in common; each is a program that prints TAP.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stdio.h>

static int nr_tests, nr_failed;
static bool failed;	/* the test that is running */

/* What follows @cond is printed, as by printf(), if it does not hold. */
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

#endif
