/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lease: why the map is true while we use it. See lease.c.
 */
#ifndef FLOOP_LEASE_H
#define FLOOP_LEASE_H

#include "backing.h"

/* Once for the module; returns 0 or -ENOMEM. */
int floop_lease_module_init(void);
void floop_lease_module_exit(void);

void floop_lease_init(struct floop_backing *backing);

/*
 * The words for the status line: returns that for the mode, *@reason is "-" when
 * the map is in use. Any context but interrupts.
 */
const char *floop_mode_words(struct floop_backing *backing,
			     const char **reason);

/*
 * Tries to go from file to direct mode now; on failure backing->reason says
 * why and, if it may pass, another attempt is scheduled. May sleep long.
 */
void floop_lease_take(struct floop_backing *backing);

/* The same, but waits for at most @timeout jiffies. */
void floop_lease_try(struct floop_backing *backing, unsigned long timeout);

/*
 * Asks for the way back to file mode; it happens asynchronously. @reason is a
 * constant word for the status line. Any context, also under flc_lock.
 */
void floop_lease_recall(struct floop_backing *backing, const char *reason);

/*
 * From direct mode to pin, for one more target: all of the file is mapped and
 * written, and it becomes a swap file, so that nobody can change it and no lease
 * is needed. Returns NULL or the sentence for ti->error. May sleep long, in a
 * task with user memory.
 */
const char *floop_lease_pin(struct floop_backing *backing);
void floop_lease_unpin(struct floop_backing *backing);

/* Gives the lease back for good. May sleep. */
void floop_lease_close(struct floop_backing *backing);

#endif
