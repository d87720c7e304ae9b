/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * output: what is said about devices, as a table or in the old one-line format.
 */
#ifndef DMLOSETUP_OUTPUT_H
#define DMLOSETUP_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "loopdm.h"

#define MAX_COLUMNS	64

struct output {
	bool list;		/* a table; else the old format */
	bool json, raw, no_headings;
	int columns[MAX_COLUMNS];
	size_t nr_columns;
};

void output_default_columns(struct output *out);
void output_all_columns(struct output *out);

/*
 * Takes a list of column names, separated by commas. A leading "+" keeps the
 * columns that are there. Returns 0, or -1 after a message.
 */
int output_parse_columns(struct output *out, const char *list);

/* The table of columns for --help. */
void output_help(FILE *f);

/* Returns 0, or -1 after a message. */
int output_devices(const struct output *out, const struct loopdev *devs,
		   size_t nr);

#endif
