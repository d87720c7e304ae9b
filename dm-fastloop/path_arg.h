/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * path_arg: a path as one argument of a table line.
 *
 * dm splits a table line at white space and takes a backslash as quote of the
 * next byte (dm_split_args()). "White space" is the kernel's isspace(), and
 * that includes byte 0xA0, the second byte of many UTF-8 letters. But libdm
 * doubles every backslash of a line that it loads, and dmsetup ends a line at a
 * newline and cuts it at a "#", so through them nothing can be quoted that way.
 * So a path has two spellings:
 *
 *   plain	the path itself, starting with "/"
 *   encoded	"%", then the path with %XX (two hexadecimal digits) for any
 *		byte that needs it
 */
#ifndef FLOOP_PATH_ARG_H
#define FLOOP_PATH_ARG_H

#include <linux/types.h>

/*
 * Turns an argument, as dm_split_args() left it, into a path in place.
 *
 * Returns NULL, or the sentence for ti->error: the argument is not absolute,
 * has a bad %XX, or contains %00. @arg is unspecified after an error.
 */
const char *floop_path_decode(char *arg);

/*
 * Prints @path so that it can be loaded again, by dmsetup too: plain, unless
 * it has white space, a backslash, a "#" or a control byte (below 0x20, or
 * 0x7f); then encoded, with all bytes beyond ASCII too. Writes at most @size
 * bytes including the final NUL.
 *
 * Returns the length that the whole needs without the NUL, as snprintf().
 */
size_t floop_path_encode(char *buf, size_t size, const char *path);

#endif
