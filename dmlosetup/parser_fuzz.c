// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer's way into everything that reads text which others wrote: lines of
 * the tab, table lines, status lines, UUIDs, sizes, mounts, options, partitions that
 * are asked for and the kernel's log; and into what makes names and units of it. The
 * first byte chooses.
 */
#include <err.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "size.h"
#include "status.h"
#include "tab.h"
#include "table.h"

static jmp_buf refused;

/* The programs, for what is static in them. */
#define errx(...) longjmp(refused, 1)
#define main mount_main
#include "mount.c"
#undef main
#undef errx
#define main generator_main
#include "generator.c"
#undef main
#define main fastloop_id_main
#define loopdm_get_uuid(uuid, dev) (memset(dev, 0, sizeof(*(dev))), -ENXIO)
#include "fastloop_id.c"
#undef loopdm_get_uuid
#undef main
#include "users.c"
#include "image_part.c"
#include "kmsg.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void insist(bool is_so)
{
	if (!is_so)
		abort();
}

/* ---- what is read ---- */

static void fuzz_table(char *s)
{
	struct table_line line;

	if (!table_parse(TARGET_FASTLOOP, s, &line)) {
		free(line.path);
		free(line.features);
	}
	table_parse(TARGET_LINEAR, s, &line);
}

static void fuzz_status(char *s)
{
	struct status status;

	if (!status_parse(s, &status))
		insist(*status.mode && *status.reason);
}

static void fuzz_part(const char *uuid)
{
	char again[UUID_SIZE], name[NAME_SIZE];
	const char *parent, *its;
	unsigned int number = uuid_part_number(uuid, &parent);

	if (number && uuid_format_part(number, parent, again))
		insist(uuid_part_number(again, &its) == number &&
		       !strcmp(its, parent) && uuid_is_part_of(again, parent));
	if (name_is_valid(uuid) && name_format_part(uuid, 128, name))
		insist(name_is_valid(name));
}

static void fuzz_words(char *s)
{
	struct ident id;
	uint64_t size;

	ident_parse(s, &id);
	size_parse(s, &size);
	name_number(s);
	fuzz_part(s);
}

static void check_mount(dev_t devno __attribute__((unused)), const char *dir,
			void *data __attribute__((unused)))
{
	insist(*dir && !strchr(dir, ' '));
}

static void fuzz_mounts(char *s)
{
	parse_mount(s, check_mount, NULL);
}

/* What is refused is so with errx(). None of ours gets to the file system. */
static void fuzz_options(char *s)
{
	static struct mounting m;
	size_t i;

	m = (struct mounting){ 0 };
	if (!setjmp(refused)) {
		parse_options(&m, s);
		for (i = 0; m.options && i < ARRAY_SIZE(options); i++)
			insist(mnt_optstr_get_option(m.options, options[i].name,
						     NULL, NULL) == 1);
	}
	free(m.options);
	free(m.part);
}

static void fuzz_wanted(char *s)
{
	struct wanted want;

	if (!parse_wanted(s, &want))
		return;
	insist(want.number > 0 || *want.value);
	if (want.tag)
		insist(is_equal(&want, want.value));
}

static void fuzz_record(char *s)
{
	static const char start[] = "device-mapper: table: 253:0: ";
	char sentence[32];

	if (copy_sentence(s, start, sentence, sizeof(sentence)))
		insist(strlen(sentence) < sizeof(sentence) &&
		       !strchr(sentence, '\n'));
}

/* ---- what is made of it ---- */

static bool is_coded(const char *s, const char *plain)
{
	for (; *s; s++) {
		if (*s == '\\' && s[1] == 'x' &&
		    isxdigit((unsigned char)s[2]) &&
		    isxdigit((unsigned char)s[3]))
			s += 3;
		else if (!strchr(plain, *s))
			return false;
	}
	return true;
}

/* libblkid leaves it as it is. */
static void plain_utf8(char *s)
{
	for (; *s; s++)
		if (*s & 0x80)
			*s = 'x';
}

/* "NAME UUID", as udev has them: each line is a key and a plain value. */
static void fuzz_id(char *s)
{
	char *argv[] = { "fastloop_id", strsep(&s, " "), s, NULL };
	static const char key[] = "FASTLOOP_";
	static const char as_systemd[] = "FASTLOOP_BY_LOOP_REF=";
	FILE *real = stdout;
	char *out, *line, *rest;
	size_t size;

	if (!s)
		return;
	stdout = open_memstream(&out, &size);
	fastloop_id_main(3, argv);
	fclose(stdout);
	stdout = real;
	for (line = strtok_r(out, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (!strncmp(line, as_systemd, strlen(as_systemd)))
			plain_utf8(line);
		insist(!strncmp(line, key, strlen(key)) &&
		       is_coded(line, PLAIN_CHARS "="));
	}
	free(out);
}

static void check_simplified(const char *file)
{
	char *path = simplify(file), *again = simplify(path);
	char *name = escape_path(path);

	insist(*path == '/' && !strcmp(path, again));
	insist(is_coded(name, PLAIN_CHARS) && !strpbrk(name, "@+#"));
	free(path);
	free(again);
	free(name);
}

static size_t count_lines(const char *s)
{
	size_t nr = 0;

	for (; *s; s++)
		nr += *s == '\n';
	return nr;
}

/* Whatever the file is called, a unit has the lines that it is to have. */
static void check_unit(const struct tab_entry *entry)
{
	const struct tab tab = { .path = "tab" };
	static size_t lines;
	char *out;
	size_t size;
	FILE *f = open_memstream(&out, &size);

	put_unit(f, &tab, entry, "device", "target");
	fclose(f);
	size = count_lines(out) - !!strstr(out, "\nBindsTo=");
	if (!lines)
		lines = size;
	insist(size == lines);
	free(out);
}

static void fuzz_tab(char *s)
{
	struct tab_entry entry;
	char why[TAB_WHY_SIZE];

	if (tab_parse_line(s, &entry, why) <= 0)
		return;
	/* What has passed can be relied upon. */
	insist(name_is_valid(entry.name) && *entry.file == '/' &&
	       !(entry.offset % SECTOR_SIZE));
	check_simplified(entry.file);
	check_unit(&entry);
	free(entry.file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const fns[])(char *) = {
		fuzz_tab, fuzz_table, fuzz_status, fuzz_words, fuzz_mounts,
		fuzz_options, fuzz_id, fuzz_wanted, fuzz_record,
	};
	char *s;

	if (!size)
		return 0;
	/* Of the exact size, so that a byte too many is seen. */
	s = malloc(size);
	if (!s)
		return 0;
	memcpy(s, data + 1, size - 1);
	s[size - 1] = '\0';
	fns[*data % ARRAY_SIZE(fns)](s);
	free(s);
	return 0;
}
