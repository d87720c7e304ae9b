/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * users: who has a block device open, and so keeps it from going away.
 */
#ifndef DMLOSETUP_USERS_H
#define DMLOSETUP_USERS_H

#include <stdbool.h>
#include <sys/types.h>

/* Now, in our own mount namespace. */
bool users_have_mounted(dev_t devno);

/*
 * Where it is mounted, the devices on it and their users, "swap", and "COMMAND[PID]"
 * for processes, each once, with a comma between. To be freed; NULL if there is
 * nobody, or nobody whom we may see. Mounts and processes are looked at once, for
 * all devices.
 */
char *users_of(dev_t devno);

#endif
