/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tab: /etc/fastlooptab, the devices that are there after boot.
 *
 * fastlooptab(5) describes it. What reads a line is a pure function.
 */
#ifndef DMLOSETUP_TAB_H
#define DMLOSETUP_TAB_H

#include <stddef.h>
#include <stdint.h>

#include "table.h"

#define TAB_READ_ONLY	0x01
#define TAB_NOAUTO	0x02	/* only when it is asked for by name */
#define TAB_NOFAIL	0x04	/* it may be missing */
#define TAB_PARTSCAN	0x08
#define TAB_LOCAL_FS	0x10	/* local-fs.target waits for it */
#define TAB_DEFAULTS	0x20	/* says nothing */
#define TAB_OVERLAP	0x40	/* with others that write to the file */

#define TAB_WHY_SIZE	128

struct tab_entry {
	char name[NAME_SIZE];
	char *file;		/* to free */
	uint64_t offset, sizelimit;	/* bytes */
	uint64_t sector_size;	/* bytes; 0: as the disk has it */
	char ref[REF_SIZE];	/* "": none */
	unsigned int flags;
	unsigned int line;	/* where it stands */
};

/*
 * Reads one line. Returns 1 if there is an entry on it, 0 if it is empty or a
 * comment, or -1, and then @why is the sentence what is wrong with it.
 */
int tab_parse_line(const char *line, struct tab_entry *entry,
		   char why[static TAB_WHY_SIZE]);

struct tab {
	const char *path;
	struct tab_entry *entries;
	size_t nr;
	unsigned int nr_errors;	/* lines that are left out */
};

/*
 * Reads the whole file: $FASTLOOPTAB, or the usual one. Prints "file:line:
 * what is wrong" for each line that is no good and leaves it out. A file that
 * does not exist is empty. Returns 0, or -1 if it cannot be read, after a
 * message. To be freed with tab_free() in any case.
 */
int tab_read(struct tab *tab);
void tab_free(struct tab *tab);

#endif
