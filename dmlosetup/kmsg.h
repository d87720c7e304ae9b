/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kmsg: the sentence with which the kernel refuses a table.
 */
#ifndef DMLOSETUP_KMSG_H
#define DMLOSETUP_KMSG_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Opens the kernel's log at its end. Returns -1 if that is not allowed. */
int kmsg_open(void);
void kmsg_close(int fd);

/*
 * Looks for the last refusal of a table of device @devno since kmsg_open() and
 * copies its sentence. Returns false if there is none.
 */
bool kmsg_table_error(int fd, dev_t devno, char *buf, size_t size);

#endif
