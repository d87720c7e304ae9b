/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * progress: a bar on standard error, for who watches a terminal.
 */
#ifndef DMLOSETUP_PROGRESS_H
#define DMLOSETUP_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* Does somebody watch? */
bool progress_is_seen(void);

/* In bytes; @all is not 0. In the place of an earlier bar. */
void progress_draw(const char *what, uint64_t done, uint64_t all);

/* Takes the bar away: what comes next has the line for itself. */
void progress_clear(void);

#endif
