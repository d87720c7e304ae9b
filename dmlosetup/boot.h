/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * boot: the devices of /etc/fastlooptab come and go.
 *
 * These print their own messages and return 0 or -1. They go on after a
 * failure.
 */
#ifndef DMLOSETUP_BOOT_H
#define DMLOSETUP_BOOT_H

#include <stdbool.h>

/*
 * Attaches the entries with these names, or without any name all that are not
 * noauto. One that is attached already is no error.
 */
int boot_attach(const char *const *names, int nr_names);

/*
 * Detaches the devices of these names, or of all entries, the last one first.
 * One that is not there is no error. With @wait all are gone then.
 */
int boot_detach(const char *const *names, int nr_names, bool wait);

#endif
