/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * table: the words that the device-mapper keeps for us.
 *
 * Pure functions from strings to strings and back: no device, no file.
 *
 * A device is described in two places. Its table line says what is mapped:
 *
 *   fastloop <path> <offset in bytes> [<#features> <feature>...]
 *   linear <major>:<minor> <offset in sectors>      (backing block devices)
 *
 * Its DM UUID says what was asked for. A UUID is fixed when the device is
 * created and anybody may read it, in /sys/block/dm-N/dm/uuid too, so it holds
 * what a table cannot tell (the size limit) and what users without the right to
 * read tables want to know:
 *
 *   FASTLOOP-<major>:<minor>-<inode>-<offset>-<sizelimit>-<flags>-<random>[-<ref>]
 *
 * major:minor is st_dev of the backing file, offset and sizelimit (0: none) are
 * in bytes, flags are IDENT_* bits. All numbers are hexadecimal, without leading
 * zeroes, except for the 16 digits of <random>, which make the UUID unique: one
 * file may be mapped many times. The longest has 100 characters, which leaves
 * room for the "part<N>-" that partition mappings put in front of it (the kernel
 * allows 128).
 *
 * <ref> is the string of --loop-ref with "=20" for a blank and so on. Most often
 * there is room for all of the 63 characters that losetup allows.
 *
 * A placeholder, the device that "dmlosetup -f" makes for its caller, has
 *
 *   FASTLOOP-free-<random>
 */
#ifndef DMLOSETUP_TABLE_H
#define DMLOSETUP_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define TARGET_FASTLOOP		"fastloop"
#define TARGET_LINEAR		"linear"

#define UUID_PREFIX		"FASTLOOP-"
#define UUID_PREFIX_FREE	UUID_PREFIX "free-"
#define UUID_PREFIX_PART	"part"
#define UUID_SIZE		129	/* with the final NUL, as the kernel's */

#define NAME_PREFIX		"fastloop"
#define NAME_SIZE		128	/* with the final NUL, as the kernel's */

/* They need no quoting in names, UUIDs and links, nor does a "=". */
#define DIGITS			"0123456789"
#define PLAIN_CHARS		DIGITS \
				"ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
				"abcdefghijklmnopqrstuvwxyz#+-.:@_"

#define SECTOR_SIZE		512
#define MAX_SECTOR_SIZE		4096

#define REF_SIZE		64	/* with the final NUL, as losetup's */

#define IDENT_PARTSCAN		0x1	/* partition mappings are wanted */

struct ident {
	unsigned int major, minor;	/* st_dev of the backing file */
	uint64_t inode;
	uint64_t offset;		/* bytes */
	uint64_t sizelimit;		/* bytes, 0: none */
	unsigned int flags;
	uint64_t random;
	char ref[REF_SIZE];		/* "": none */
};

/* Returns 0, or -E2BIG if the reference does not fit. */
int ident_format(const struct ident *id, char uuid[static UUID_SIZE]);

/* Returns 0, or -EINVAL if @uuid was not made by ident_format(). */
int ident_parse(const char *uuid, struct ident *id);

/* What the UUIDs of all devices on this file begin with. */
void ident_prefix(const struct stat *st, char prefix[static UUID_SIZE]);

/* Is this the backing file? */
bool ident_is(const struct ident *id, const struct stat *st);

void uuid_format_free(uint64_t random, char uuid[static UUID_SIZE]);
bool uuid_is_ours(const char *uuid);
bool uuid_is_free(const char *uuid);

/*
 * The UUID of partition @number of @parent, "part<N>-<@parent>". Returns false if
 * it is too long.
 */
bool uuid_format_part(unsigned int number, const char *parent,
		      char uuid[static UUID_SIZE]);

/*
 * The number of a partition of any parent, whose UUID is then put into *@parent;
 * 0 if it is none.
 */
unsigned int uuid_part_number(const char *uuid, const char **parent);

/* True for the UUID of a partition mapping of @parent. */
bool uuid_is_part_of(const char *uuid, const char *parent);

/*
 * The name of a partition, as the kernel and kpartx have it: with a "p" behind a
 * digit. Returns false if it is too long.
 */
bool name_format_part(const char *parent, unsigned int number,
		      char name[static NAME_SIZE]);

/*
 * The number N in fastloopN, or -1 when @name is not the decimal spelling of
 * such a name.
 */
int name_number(const char *name);

/* "253:0" is the number of a device, and so no name of one. */
bool name_is_devno(const char *s);

/*
 * A device-mapper name that needs no quoting anywhere. The library would accept
 * more and mangle it.
 */
bool name_is_valid(const char *name);

/*
 * The path that stands in a table line as @word: plain, with a backslash before
 * blanks and backslashes, or "%" and percent-encoded. Returns memory to free, or
 * NULL with errno set.
 */
char *path_unquote(const char *word);

/*
 * Features of a table line, "<number of words> <word>...", NULL if there are none.
 * Words that we do not know are kept as they are.
 *
 * features_set() puts in "<key>:<value>", in the place of another value of that
 * key, and returns memory to free, or NULL. features_get() returns 0 if there is
 * no such number.
 */
#define FEATURE_SECTOR_SIZE	"sector_size"

char *features_set(const char *features, const char *key, unsigned int value);
unsigned int features_get(const char *features, const char *key);

#define PARAMS_SIZE		512

/*
 * The words after the target's name. A file is passed as an open descriptor of
 * the caller: the kernel reads tables in the context of the process that loads
 * them, so it maps the very file that was looked at, whatever became of its
 * name, and no quoting is needed. Returns false if the features do not fit.
 */
bool table_format_fastloop(int fd, uint64_t offset, const char *features,
			   char params[static PARAMS_SIZE]);
void table_format_linear(unsigned int major, unsigned int minor,
			 uint64_t offset, char params[static PARAMS_SIZE]);

struct table_line {
	char *path;		/* fastloop; to free, as is the next */
	char *features;		/* fastloop; NULL: none */
	unsigned int major, minor;	/* linear */
	uint64_t offset;	/* bytes */
};

/* Reads what follows the target's name. Returns 0, -EINVAL or -ENOMEM. */
int table_parse(const char *target, const char *params, struct table_line *line);

#endif
