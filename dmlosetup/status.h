/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * status: the target's status line.
 *
 *   <mode> <reason> <key>:<value>...
 *
 * A pure function from a string to numbers. doc/dm-fastloop.rst has the keys.
 */
#ifndef DMLOSETUP_STATUS_H
#define DMLOSETUP_STATUS_H

#include <stdint.h>

enum status_key {
	STATUS_EXTENTS,
	STATUS_KNOWN,
	STATUS_HOLES,
	STATUS_RECALLS,
	STATUS_REMAPPED_READS,
	STATUS_REMAPPED_WRITES,
	STATUS_ZERO_READS,
	STATUS_FILLS,
	STATUS_FILE_READS,
	STATUS_FILE_WRITES,
	STATUS_FLUSHES,
	STATUS_SYNCS,
	NR_STATUS_KEYS
};

#define STATUS_WORD	24

struct status {
	char mode[STATUS_WORD];
	char reason[STATUS_WORD];	/* "-": none */
	uint64_t value[NR_STATUS_KEYS];	/* 0 for those that are not there */
};

/*
 * Keys that are not known are skipped: the kernel may be newer. Returns 0, or
 * -EINVAL if this is not such a line.
 */
int status_parse(const char *params, struct status *status);

#endif
