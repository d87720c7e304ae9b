/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * create: a new file for a new device.
 */
#ifndef DMLOSETUP_CREATE_H
#define DMLOSETUP_CREATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct new_file {
	const char *path;
	uint64_t size;		/* bytes */
	bool prealloc;		/* its blocks, too, and not just its size */
	dev_t dev;		/* which one it is, once it is made */
	ino_t ino;
};

/*
 * Makes the file, which must not exist. With prealloc a terminal sees how far
 * it is. Signals are to be held back: one that comes stops it. Nothing is left
 * of a failure. Prints its own messages; returns 0 or -1.
 */
int create_file(struct new_file *file);

/* Removes what create_file() has made, if its name still leads to it. */
void create_undo(const struct new_file *file);

#endif
