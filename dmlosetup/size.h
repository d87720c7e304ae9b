/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * size: numbers of bytes as people write them.
 */
#ifndef DMLOSETUP_SIZE_H
#define DMLOSETUP_SIZE_H

#include <stdint.h>

/*
 * Reads a number as losetup does: decimal, 0x hexadecimal or 0 octal, with an
 * optional fraction and a suffix: K or KiB is 1024, KB is 1000, and so on for
 * M, G, T, P, E. A fraction needs a suffix.
 *
 * Returns 0, -EINVAL, or -ERANGE when it does not fit.
 */
int size_parse(const char *str, uint64_t *size);

#define SIZE_STRING	32

/* For people: "512B", "1.5K", "20G"; rounded down. */
void size_format(uint64_t size, char buf[static SIZE_STRING]);

#endif
