// SPDX-License-Identifier: GPL-2.0-only
#include "numbers.h"

#include <errno.h>
#include <stdlib.h>

#include "loopdm.h"
#include "sysfs.h"
#include "util.h"

#define MAX_SPREAD	10	/* 2^10 */

struct numbers {
	unsigned int *n;
	size_t nr;
};

struct survey {
	struct numbers used;	/* by anything, placeholders included */
	struct numbers free;	/* placeholders */
};

static int add(const char *name, void *data)
{
	struct numbers *numbers = data;
	int n = name_number(name);

	if (n >= 0) {
		numbers->n = xrealloc(numbers->n, (numbers->nr + 1) *
						  sizeof(*numbers->n));
		numbers->n[numbers->nr++] = n;
	}
	return 0;
}

static int add_sysfs(const struct sysfs_dm *dm, void *data)
{
	struct survey *survey = data;

	add(dm->name, &survey->used);
	if (uuid_is_free(dm->uuid))
		add(dm->name, &survey->free);
	return 0;
}

static int take_survey(struct survey *survey)
{
	int rc = loopdm_check();

	if (rc == -EACCES)
		return sysfs_each_dm(add_sysfs, survey);
	/* In this order: a placeholder made in between is free, not used. */
	if (!rc)
		rc = loopdm_each_name(NAME_PREFIX, NULL, add, &survey->used);
	if (!rc)
		rc = loopdm_each_name(NAME_PREFIX, UUID_PREFIX_FREE, add,
				      &survey->free);
	return rc;
}

/* The free number that has @skip smaller ones. */
static int pick(const struct survey *survey, size_t skip)
{
	/* One of the first nr + skip + 1 numbers must be it. */
	size_t i, nr = survey->used.nr + skip + 1;
	bool *taken = xrealloc(NULL, nr * sizeof(*taken));

	for (i = 0; i < nr; i++)
		taken[i] = false;
	for (i = 0; i < survey->used.nr; i++)
		if (survey->used.n[i] < nr)
			taken[survey->used.n[i]] = true;
	for (i = 0; i < survey->free.nr; i++)
		if (survey->free.n[i] < nr)
			taken[survey->free.n[i]] = false;
	for (i = 0; taken[i] || skip; i++)
		skip -= !taken[i];
	free(taken);
	return i;
}

int numbers_find_free(unsigned int misses)
{
	struct survey survey = { { NULL, 0 }, { NULL, 0 } };
	int rc = take_survey(&survey);

	if (misses > MAX_SPREAD)
		misses = MAX_SPREAD;
	if (!rc)
		rc = pick(&survey, random_u64() % (1U << misses));
	free(survey.used.n);
	free(survey.free.n);
	return rc;
}
