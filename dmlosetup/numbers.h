/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * numbers: which fastloopN are free.
 */
#ifndef DMLOSETUP_NUMBERS_H
#define DMLOSETUP_NUMBERS_H

/* How often others may be faster before something must be wrong. */
#define NUMBERS_MAX_TRIES	1000U

/*
 * A number without a device, or with a mere placeholder. Without @misses it is
 * the lowest; each time that others were faster doubles the range from which one
 * is picked, so that any number of processes find theirs in a few steps.
 *
 * Works without any rights, through sysfs. Returns the number or -errno.
 */
int numbers_find_free(unsigned int misses);

#endif
