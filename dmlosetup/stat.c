// SPDX-License-Identifier: GPL-2.0-only
#include "stat.h"

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "devname.h"
#include "loopdm.h"
#include "status.h"
#include "util.h"

struct entry {
	char name[NAME_SIZE];
	char uuid[UUID_SIZE];
	struct status status;
};

/* All devices at one time. */
struct sample {
	struct entry *entries;
	size_t nr;
	double when;		/* seconds */
};

/* Behind NAME, MODE, REASON and RECALLS: what counts the I/O of a device. */
static const struct {
	const char *name;
	enum status_key key;
} counters[] = {
	{ "DISK-READS", STATUS_REMAPPED_READS },
	{ "DISK-WRITES", STATUS_REMAPPED_WRITES },
	{ "ZERO-READS", STATUS_ZERO_READS },
	{ "FILLS", STATUS_FILLS },
	{ "FILE-READS", STATUS_FILE_READS },
	{ "FILE-WRITES", STATUS_FILE_WRITES },
	{ "FLUSHES", STATUS_FLUSHES },
	{ "SYNCS", STATUS_SYNCS },
};

enum { COL_NAME, COL_MODE, COL_REASON, COL_RECALLS, NR_FIXED };

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* ---- looking ---- */

static void read_status(const struct loopdev *dev, struct status *status)
{
	bool linear = !strcmp(dev->target, TARGET_LINEAR);
	char *params = NULL;

	if (linear || loopdm_status(dev->uuid, &params) ||
	    status_parse(params, status)) {
		memset(status, 0, sizeof(*status));
		/* A block device is always direct, and nobody counts there. */
		strcpy(status->mode, linear ? "direct" : "?");
		strcpy(status->reason, "-");
	}
	free(params);
}

static int take_sample(struct sample *sample)
{
	struct loopdev *devs;
	struct entry *entry;
	size_t i, nr;
	int rc = loopdm_check();

	*sample = (struct sample){ .when = now() };
	/* Unlike the list, nothing of this is for everybody to read. */
	if (rc) {
		warnx("failed to read the status of devices: %s",
		      strerror(-rc));
		return -1;
	}
	rc = loopdm_list(&devs, &nr);
	if (rc)
		warnx("failed to list devices: %s", strerror(-rc));
	sample->entries = xrealloc(NULL, (nr + 1) * sizeof(*sample->entries));
	for (i = 0; i < nr; i++) {
		if (!devs[i].active)
			continue;
		entry = &sample->entries[sample->nr++];
		memcpy(entry->name, devs[i].name, sizeof(entry->name));
		memcpy(entry->uuid, devs[i].uuid, sizeof(entry->uuid));
		read_status(&devs[i], &entry->status);
	}
	loopdm_list_free(devs, nr);
	return rc ? -1 : 0;
}

static const struct entry *find_entry(const struct sample *sample,
				      const char *uuid)
{
	size_t i;

	for (i = 0; i < sample->nr; i++)
		if (!strcmp(sample->entries[i].uuid, uuid))
			return &sample->entries[i];
	return NULL;
}

/* ---- printing ---- */

/* A device that was not there before has begun at zero, as a new table does. */
static double rate(const struct entry *e, const struct sample *before,
		   enum status_key key, double seconds)
{
	const struct entry *old = find_entry(before, e->uuid);
	uint64_t was = old ? old->status.value[key] : 0;
	uint64_t is = e->status.value[key];

	return (is < was ? is : is - was) / seconds;
}

static int set_cell(struct libscols_line *ln, size_t column, char *data)
{
	/* The line frees it. */
	return scols_line_refer_data(ln, column, data);
}

/* @before is NULL for counts, not rates. */
static int add_entry(struct libscols_table *tb, const struct entry *e,
		     const struct sample *before, double seconds)
{
	struct libscols_line *ln = scols_table_new_line(tb, NULL);
	const struct status *st = &e->status;
	size_t i;
	int rc;

	if (!ln)
		return -1;
	rc = set_cell(ln, COL_NAME, xasprintf(DEV_MAPPER "%s", e->name)) ||
		set_cell(ln, COL_MODE, xstrdup(st->mode)) ||
		set_cell(ln, COL_REASON, xstrdup(st->reason)) ||
		set_cell(ln, COL_RECALLS,
			 xasprintf("%" PRIu64, st->value[STATUS_RECALLS]));
	for (i = 0; !rc && i < ARRAY_SIZE(counters); i++)
		rc = set_cell(ln, NR_FIXED + i, before ?
			      xasprintf("%.1f", rate(e, before, counters[i].key,
						     seconds)) :
			      xasprintf("%" PRIu64,
					st->value[counters[i].key]));
	return rc;
}

static int add_column(struct libscols_table *tb, const char *name, bool number)
{
	struct libscols_column *cl;

	cl = scols_table_new_column(tb, name, 0, number ? SCOLS_FL_RIGHT : 0);
	if (!cl)
		return -1;
	return scols_column_set_json_type(cl, number ? SCOLS_JSON_NUMBER :
					       SCOLS_JSON_STRING);
}

static int add_columns(struct libscols_table *tb)
{
	size_t i;
	int rc = add_column(tb, "NAME", false) ||
		add_column(tb, "MODE", false) ||
		add_column(tb, "REASON", false) ||
		add_column(tb, "RECALLS", true);

	for (i = 0; !rc && i < ARRAY_SIZE(counters); i++)
		rc = add_column(tb, counters[i].name, true);
	return rc;
}

static int print_sample(const struct sample *sample,
			const struct sample *before, bool json)
{
	struct libscols_table *tb = scols_new_table();
	int rc = -1;
	size_t i;

	if (!tb)
		goto out;
	scols_table_enable_json(tb, json);
	if (scols_table_set_name(tb, before ? "rates" : "counters") ||
	    add_columns(tb))
		goto out;
	for (i = 0; i < sample->nr; i++)
		if (add_entry(tb, &sample->entries[i], before,
			      before ? sample->when - before->when : 1))
			goto out;
	rc = scols_print_table(tb);
out:
	scols_unref_table(tb);
	if (rc)
		warnx("failed to print the table");
	return rc ? -1 : 0;
}

/* ---- again and again ---- */

static void sleep_until(double when)
{
	double rest;

	while ((rest = when - now()) > 0) {
		const struct timespec t = {
			rest, (rest - (time_t)rest) * 1e9
		};

		nanosleep(&t, NULL);
	}
}

static int watch(struct sample *before, double seconds, bool json)
{
	struct sample sample;
	int rc;

	for (;;) {
		sleep_until(before->when + seconds);
		rc = take_sample(&sample);
		if (!rc)
			rc = print_sample(&sample, before, json);
		free(before->entries);
		*before = sample;
		/* main() says what became of the output. */
		if (rc || fflush(stdout) || ferror(stdout))
			return rc;
		if (!json)
			putchar('\n');
	}
}

int stat_show(double seconds, bool json)
{
	struct sample sample;
	int rc = take_sample(&sample);

	if (!rc && !seconds)
		rc = print_sample(&sample, NULL, json);
	else if (!rc)
		rc = watch(&sample, seconds, json);
	free(sample.entries);
	return rc;
}
