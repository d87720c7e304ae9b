/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * path_arg: a path as one argument of a table line.
 *
 * dm splits a table line at white space and takes a backslash as quote of the
 * next byte (dm_split_args()). "White space" is the kernel's isspace(), and
 * that includes byte 0xA0, the second byte of many UTF-8 letters. A newline
 * cannot be quoted that way, as dmsetup ends the line there. So a path has two
 * spellings:
 *
 *   plain	the path itself, starting with "/"; when printed, white space
 *		and backslashes are preceded by a backslash
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
 * Prints @path so that dm_split_args() and floop_path_decode() give it back:
 * plain, unless it has a control byte (below 0x20, or 0x7f), which needs the
 * encoded spelling. Writes at most @size bytes including the final NUL.
 *
 * Returns the length that the whole needs without the NUL, as snprintf().
 */
size_t floop_path_encode(char *buf, size_t size, const char *path);

#endif
