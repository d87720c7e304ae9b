/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stat: what devices are doing.
 */
#ifndef DMLOSETUP_STAT_H
#define DMLOSETUP_STAT_H

#include <stdbool.h>

/*
 * Prints the mode and the counters of all devices; with @seconds, how much they
 * grow in a second, again and again, until there is nobody to print for. Prints
 * its own messages; returns 0 or -1.
 */
int stat_show(double seconds, bool json);

#endif
