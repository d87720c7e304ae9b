/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * placeholder: the device that "dmlosetup -f" prints and nobody uses yet.
 *
 * Scripts test it with "test -b" and then attach a file to it, by its name or
 * with another -f, which also takes the lowest free one. Of several that want
 * it one is successful.
 */
#ifndef DMLOSETUP_PLACEHOLDER_H
#define DMLOSETUP_PLACEHOLDER_H

#include <stdbool.h>

/*
 * Makes room for a new device: takes away the placeholder of this name, if there
 * is one, which *@was_there says. -EEXIST: the name belongs to a real device, or
 * to another claimer.
 */
int placeholder_claim(const char *name, bool *was_there);

/*
 * Prints the name of the lowest free device and makes sure that it has a node.
 * Who may not make devices gets the name alone. Prints its own messages; returns
 * 0 or -1, as the next one does.
 */
int placeholder_show(void);

/*
 * A device of ours that has no table is one that somebody is making, or was when he
 * was killed. This waits for a few seconds for it to be finished or gone, and then
 * removes it. Returns false if nothing has gone: another device has this name, or
 * it is finished.
 */
bool placeholder_drop_unfinished(const char *name);

/* Drops the placeholder @device. */
int placeholder_drop(const char *device);

#endif
