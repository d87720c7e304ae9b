/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * escape: strings as parts of names of units and of links, as systemd-escape(1) makes
 * them.
 */
#ifndef DMLOSETUP_ESCAPE_H
#define DMLOSETUP_ESCAPE_H

/* "a b/c" is "a\x20b-c". To be freed. */
char *escape(const char *s);

/* "/dev//sdb/" is "dev-sdb", as with --path. To be freed. */
char *escape_path(const char *path);

#endif
