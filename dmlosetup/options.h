/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * options: the command line, and the help that comes from the same table.
 */
#ifndef DMLOSETUP_OPTIONS_H
#define DMLOSETUP_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "output.h"

enum action {
	A_NONE,
	A_CREATE,
	A_DETACH,
	A_DETACH_ALL,
	A_SHOW,
	A_SHOW_ONE,
	A_FIND,
	A_SET_CAPACITY,
	A_SET_DIRECT_IO,
	A_REMOVE,
	A_PRELOAD,
	A_MAP,
	A_STAT,
	A_ATTACH_TAB,
	A_DETACH_TAB,
	A_SET_SECTOR_SIZE,
	A_PARTSCAN,
	NR_ACTIONS
};

/* Which options were given. */
#define F_OFFSET	0x001
#define F_SIZELIMIT	0x002
#define F_READ_ONLY	0x004
#define F_SHOW		0x008
#define F_SET_DIO	0x010
#define F_DIO		0x020
#define F_LIST		0x040
#define F_JSON		0x080
#define F_RAW		0x100
#define F_NO_HEADINGS	0x200
#define F_ALL_COLUMNS	0x400
#define F_CREATE	0x10000
#define F_PREALLOC	0x20000
#define F_PARTSCAN	0x800
#define F_NOOVERLAP	0x1000
#define F_WAIT		0x2000
#define F_OVERLAP	0x4000

struct request {
	enum action action;
	unsigned int flags;
	uint64_t offset, sizelimit;
	uint64_t create_size;	/* --create */
	double seconds;		/* --stat; 0: once */
	unsigned int sector_size;	/* 0: not given */
	const char *ref;	/* --loop-ref */
	const char *file;	/* to attach, or to look for */
	const char *name;	/* --name */
	const char *columns;	/* --output */
	/* The devices to work on; room for all arguments there can be. */
	const char **devices;
	int nr_devices;
};

/*
 * Reads the whole command line. Prints a message and exits if something is wrong
 * with it, and after --help and --version.
 */
void options_parse(struct request *req, int argc, char **argv);

#endif
