// SPDX-License-Identifier: GPL-2.0-only
#include "tab.h"

#include <err.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "size.h"
#include "util.h"

#define TAB_PATH	"/etc/fastlooptab"
#define BLANKS		" \t\r\n"

enum { FIELD_NAME, FIELD_FILE, FIELD_OPTIONS, NR_FIELDS };

struct field {
	const char *s;
	size_t len;
};

/* Returns -1, which is what its callers have to return, too. */
static int __attribute__((format(printf, 2, 3)))
complain(char why[static TAB_WHY_SIZE], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, TAB_WHY_SIZE, fmt, ap);
	va_end(ap);
	return -1;
}

/* ---- octal codes ---- */

static int octal_digit(char c)
{
	return c >= '0' && c <= '7' ? c - '0' : -1;
}

/* "\040" and its like, as in fstab. Returns the byte, or -1. */
static int octal_code(const char *s, const char *end)
{
	int i, code = 0;

	if (end - s < 4 || *s != '\\')
		return -1;
	for (i = 1; i <= 3; i++) {
		if (octal_digit(s[i]) < 0)
			return -1;
		code = code * 8 + octal_digit(s[i]);
	}
	return code > 0 && code <= 0xff ? code : -1;
}

/* What such codes stand for, into @out, which has room for @len + 1. */
static void decode_octal(const char *s, size_t len, char *out)
{
	const char *end = s + len;
	int code;

	while (s < end) {
		code = octal_code(s, end);
		*out++ = code < 0 ? *s : code;
		s += code < 0 ? 1 : 4;
	}
	*out = '\0';
}

/* ---- options ---- */

struct tab_option {
	const char *name;
	unsigned int flag;	/* 0: it has a value behind it */
	/* Which goes where and how: */
	int (*parse)(const struct tab_option *option, const char *arg,
		     struct tab_entry *entry, char *why);
	size_t member;		/* of a number */
};

static int parse_number(const struct tab_option *option, const char *arg,
			struct tab_entry *entry, char *why)
{
	uint64_t *number = (void *)((char *)entry + option->member);
	int rc = size_parse(arg, number);

	if (rc)
		return complain(why, "%s: '%s': %s", option->name, arg,
				strerror(-rc));
	return 0;
}

static int parse_ref(const struct tab_option *option, const char *arg,
		     struct tab_entry *entry, char *why)
{
	char *text = xrealloc(NULL, strlen(arg) + 1);
	int rc = 0;

	(void)option;
	decode_octal(arg, strlen(arg), text);
	if (strlen(text) < sizeof(entry->ref))
		strcpy(entry->ref, text);
	else
		rc = complain(why, "the loop reference is too long");
	free(text);
	return rc;
}

static const struct tab_option options[] = {
	{ "offset", 0, parse_number, offsetof(struct tab_entry, offset) },
	{ "sizelimit", 0, parse_number, offsetof(struct tab_entry, sizelimit) },
	{ "sector-size", 0, parse_number,
	  offsetof(struct tab_entry, sector_size) },
	{ "loop-ref", 0, parse_ref, 0 },
	{ "ro", TAB_READ_ONLY, NULL, 0 },
	{ "noauto", TAB_NOAUTO, NULL, 0 },
	{ "nofail", TAB_NOFAIL, NULL, 0 },
	{ "partscan", TAB_PARTSCAN, NULL, 0 },
	{ "local-fs", TAB_LOCAL_FS, NULL, 0 },
	{ "overlap", TAB_OVERLAP, NULL, 0 },
	{ "defaults", TAB_DEFAULTS, NULL, 0 },
};

static const struct tab_option *find_option(const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(options); i++)
		if (strlen(options[i].name) == len &&
		    !strncmp(options[i].name, s, len))
			return &options[i];
	return NULL;
}

/* One of them, "name" or "name=value". */
static int parse_option(const char *s, size_t len, struct tab_entry *entry,
			char *why)
{
	const char *equals = memchr(s, '=', len);
	size_t name_len = equals ? (size_t)(equals - s) : len;
	const struct tab_option *option = find_option(s, name_len);
	char *arg;
	int rc;

	if (!option)
		return complain(why, "unknown option '%.*s'", (int)name_len, s);
	if (option->flag && equals)
		return complain(why, "option '%s' takes no value",
				option->name);
	entry->flags |= option->flag;
	if (option->flag)
		return 0;
	if (!equals)
		return complain(why, "option '%s' needs a value", option->name);
	arg = xasprintf("%.*s", (int)(len - name_len - 1), equals + 1);
	rc = option->parse(option, arg, entry, why);
	free(arg);
	return rc;
}

static int parse_options(const struct field *field, struct tab_entry *entry,
			 char *why)
{
	const char *s = field->s, *end = s + field->len;
	size_t len;

	for (; s < end; s += len + 1) {
		len = strcspn(s, "," BLANKS);
		if (len && parse_option(s, len, entry, why))
			return -1;
	}
	if (entry->offset % SECTOR_SIZE)
		return complain(why, "the offset is not a multiple of 512");
	if (entry->sizelimit && entry->sizelimit < SECTOR_SIZE)
		return complain(why,
				"the size limit is smaller than 512 bytes");
	if (entry->sector_size &&
	    (entry->sector_size < SECTOR_SIZE || entry->sector_size > 4096 ||
	     entry->sector_size & (entry->sector_size - 1)))
		return complain(why,
				"the sector size is not 512, 1024, 2048 or 4096");
	return 0;
}

/* ---- fields ---- */

static int parse_name(const struct field *field, struct tab_entry *entry,
		      char *why)
{
	if (field->len < sizeof(entry->name)) {
		memcpy(entry->name, field->s, field->len);
		entry->name[field->len] = '\0';
		if (name_is_valid(entry->name))
			return 0;
	}
	return complain(why, "'%.*s' is no name for a device-mapper device",
			(int)field->len, field->s);
}

static int parse_file(const struct field *field, struct tab_entry *entry,
		      char *why)
{
	const char *s;

	entry->file = xrealloc(NULL, field->len + 1);
	decode_octal(field->s, field->len, entry->file);
	if (*entry->file != '/')
		return complain(why, "'%s' is not an absolute path",
				entry->file);
	for (s = entry->file; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return complain(why,
					"a control character in the path");
	return 0;
}

/* Returns how many there are, at most one more than there may be. */
static size_t split(const char *line, struct field fields[static NR_FIELDS + 1])
{
	size_t nr;

	for (nr = 0; nr <= NR_FIELDS; nr++) {
		line += strspn(line, BLANKS);
		if (!*line)
			break;
		fields[nr].s = line;
		fields[nr].len = strcspn(line, BLANKS);
		line += fields[nr].len;
	}
	return nr;
}

static int parse_fields(const struct field *fields, size_t nr,
			struct tab_entry *entry, char *why)
{
	if (nr == 1)
		return complain(why, "no file behind the name");
	if (nr > NR_FIELDS)
		return complain(why, "more than a name, a file and options "
				"(a blank in a path is \\040)");
	if (parse_name(&fields[FIELD_NAME], entry, why) ||
	    parse_file(&fields[FIELD_FILE], entry, why))
		return -1;
	return nr > FIELD_OPTIONS ?
		parse_options(&fields[FIELD_OPTIONS], entry, why) : 0;
}

int tab_parse_line(const char *line, struct tab_entry *entry,
		   char why[static TAB_WHY_SIZE])
{
	struct field fields[NR_FIELDS + 1];
	size_t nr = split(line, fields);

	memset(entry, 0, sizeof(*entry));
	if (!nr || *fields[0].s == '#')
		return 0;
	if (!parse_fields(fields, nr, entry, why))
		return 1;
	free(entry->file);
	entry->file = NULL;
	return -1;
}

/* ---- the file ---- */

static const struct tab_entry *find_name(const struct tab *tab,
					 const char *name)
{
	size_t i;

	for (i = 0; i < tab->nr; i++)
		if (!strcmp(tab->entries[i].name, name))
			return &tab->entries[i];
	return NULL;
}

/* Takes @entry over, or says why not. */
static int add_entry(struct tab *tab, const struct tab_entry *entry, char *why)
{
	const struct tab_entry *same = find_name(tab, entry->name);

	if (same) {
		free(entry->file);
		return complain(why, "'%s' stands on line %u already",
				entry->name, same->line);
	}
	tab->entries = xrealloc(tab->entries, (tab->nr + 1) *
					      sizeof(*tab->entries));
	tab->entries[tab->nr++] = *entry;
	return 0;
}

static void read_line(struct tab *tab, const char *line, size_t len,
		      unsigned int nr)
{
	struct tab_entry entry;
	char why[TAB_WHY_SIZE];
	int rc;

	if (strlen(line) < len)
		rc = complain(why, "a NUL byte in the line");
	else
		rc = tab_parse_line(line, &entry, why);
	if (rc > 0) {
		entry.line = nr;
		rc = add_entry(tab, &entry, why);
	}
	if (rc < 0) {
		warnx("%s:%u: %s", tab->path, nr, why);
		tab->nr_errors++;
	}
}

int tab_read(struct tab *tab)
{
	const char *path = secure_getenv("FASTLOOPTAB");
	unsigned int nr = 0;
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	int rc = 0;
	FILE *f;

	*tab = (struct tab){ .path = path ? path : TAB_PATH };
	f = fopen(tab->path, "re");
	if (!f && errno == ENOENT)
		return 0;
	while (f && (len = getline(&line, &size, f)) >= 0)
		read_line(tab, line, len, ++nr);
	if (!f || ferror(f)) {
		warn("%s", tab->path);
		rc = -1;
	}
	if (f)
		fclose(f);
	free(line);
	return rc;
}

void tab_free(struct tab *tab)
{
	size_t i;

	for (i = 0; i < tab->nr; i++)
		free(tab->entries[i].file);
	free(tab->entries);
	tab->entries = NULL;
	tab->nr = 0;
}
