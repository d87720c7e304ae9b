// SPDX-License-Identifier: GPL-2.0-only
/*
 * fastloop-generator: a systemd unit for each line of /etc/fastlooptab.
 *
 * systemd runs it early, with three directories to write units to, of which it
 * uses the first; see systemd.generator(7). Nothing is mounted yet but /.
 */
#include <err.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "escape.h"
#include "tab.h"
#include "util.h"

#ifndef SBINDIR
#define SBINDIR "/usr/local/sbin"
#endif

#define TARGET	"fastloop.target"

/* Where units go; everything is made relative to it. */
static const char *unit_dir;

/* In quotes, with nothing in it that systemd would replace. */
static void put_quoted(FILE *f, const char *s)
{
	putc('"', f);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			putc('\\', f);
		else if (*s == '%')
			putc('%', f);
		putc(*s, f);
	}
	putc('"', f);
}

/* ---- files ---- */

static char *unit_path(const char *unit)
{
	return xasprintf("%s/%s", unit_dir, unit);
}

static FILE *create_unit(const char *unit)
{
	char *path = unit_path(unit);
	FILE *f = fopen(path, "wxe");

	if (!f)
		warn("%s", path);
	else
		fputs("# Made by fastloop-generator.\n\n", f);
	free(path);
	return f;
}

static int finish_unit(FILE *f, const char *unit)
{
	int failed = ferror(f);

	if (!fclose(f) && !failed)
		return 0;
	warn("%s/%s", unit_dir, unit);
	return -1;
}

/* @unit becomes one of those that @by wants or requires. */
static int link_unit(const char *unit, const char *by, const char *how)
{
	char *dir = xasprintf("%s/%s.%s", unit_dir, by, how);
	char *from = xasprintf("%s/%s", dir, unit);
	char *to = xasprintf("../%s", unit);
	int rc = 0;

	if ((mkdir(dir, 0755) && errno != EEXIST) || symlink(to, from)) {
		warn("%s", from);
		rc = -1;
	}
	free(dir);
	free(from);
	free(to);
	return rc;
}

/* ---- units ---- */

/* In /dev, but for the file systems that are mounted there. */
static bool is_device(const char *file)
{
	static const char *const mounts[] = {
		"/dev/shm/", "/dev/hugepages/", "/dev/mqueue/",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(mounts); i++)
		if (!strncmp(file, mounts[i], strlen(mounts[i])))
			return false;
	return !strncmp(file, "/dev/", strlen("/dev/"));
}

/*
 * "/srv//x/./../y" is "/srv/y": systemd knows only such paths. Where a ".." leads
 * behind a link cannot be known yet. To be freed.
 */
static char *simplify(const char *path)
{
	char *s = xrealloc(NULL, strlen(path) + 2), *out = s;
	size_t len;

	for (; *path; path += len) {
		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len == 2 && !strncmp(path, "..", len)) {
			while (out > s && *--out != '/')
				;
		} else if (len && (len != 1 || *path != '.')) {
			*out++ = '/';
			memcpy(out, path, len);
			out += len;
		}
	}
	if (out == s)
		*out++ = '/';
	*out = '\0';
	return s;
}

/* What has to be there first, and may only go after this. */
static void put_file(FILE *f, const char *file)
{
	char *path = simplify(file), *device;

	if (is_device(path)) {
		device = escape_path(path);
		fprintf(f, "BindsTo=%1$s.device\nAfter=%1$s.device\n", device);
		free(device);
	} else {
		fputs("RequiresMountsFor=", f);
		put_quoted(f, path);
		putc('\n', f);
	}
	free(path);
}

/*
 * Default dependencies would have it start after local-fs.target: too late for
 * file systems that are on such a device. What is mounted from it is unmounted
 * first at shutdown because mounts are ordered after blockdev@….target; how many
 * partitions there will be nobody knows, so that those are waited for instead. On
 * a root that is still read-only the device would become so, too.
 */
static void put_unit(FILE *f, const struct tab *tab,
		     const struct tab_entry *entry, const char *device,
		     const char *target)
{
	fprintf(f, "[Unit]\n"
		"Description=Fastloop device %s\n"
		"Documentation=man:fastlooptab(5) man:dmlosetup(8)\n"
		"SourcePath=%s\n"
		"DefaultDependencies=no\n"
		"IgnoreOnIsolate=yes\n"
		"After=systemd-udevd-kernel.socket systemd-remount-fs.service\n"
		"Wants=blockdev@%s.target\n"
		"Before=blockdev@%s.target %s\n"
		"Conflicts=umount.target\n"
		"Before=umount.target\n",
		entry->name, tab->path, device, device, target);
	put_file(f, entry->file);
	fprintf(f, "\n[Service]\n"
		"Type=oneshot\n"
		"RemainAfterExit=yes\n"
		"ExecStart=" SBINDIR "/dmlosetup --attach-tab -- %1$s\n"
		"ExecStop=" SBINDIR "/dmlosetup --detach-tab %2$s-- %1$s\n",
		entry->name, entry->flags & TAB_PARTSCAN ? "--wait " : "");
}

static int make_unit(const struct tab *tab, const struct tab_entry *entry,
		     const char *unit, const char *device)
{
	const char *target = entry->flags & TAB_LOCAL_FS ? "local-fs.target" :
							   TARGET;
	char *by = xasprintf("%s.device", device);
	FILE *f = create_unit(unit);
	int rc = -1;

	if (f) {
		put_unit(f, tab, entry, device, target);
		rc = finish_unit(f, unit);
	}
	/* Whoever waits for the device gets it started. */
	if (!rc)
		rc = link_unit(unit, by, "requires");
	if (!rc && !(entry->flags & TAB_NOAUTO))
		rc = link_unit(unit, target, entry->flags & TAB_NOFAIL ?
			       "wants" : "requires");
	free(by);
	return rc;
}

static int make_service(const struct tab *tab, const struct tab_entry *entry)
{
	char *name = escape(entry->name);
	char *unit = xasprintf("fastloop@%s.service", name);
	char *path = xasprintf("/dev/mapper/%s", entry->name);
	char *device = escape_path(path);
	int rc = make_unit(tab, entry, unit, device);

	free(name);
	free(unit);
	free(path);
	free(device);
	return rc;
}

/* All of them, but for those that local-fs.target waits for. */
static int make_target(void)
{
	FILE *f = create_unit(TARGET);

	if (!f)
		return -1;
	fputs("[Unit]\n"
	      "Description=Fastloop devices\n"
	      "Documentation=man:fastlooptab(5)\n", f);
	if (finish_unit(f, TARGET))
		return -1;
	return link_unit(TARGET, "multi-user.target", "wants");
}

int main(int argc, char **argv)
{
	struct tab tab;
	int rc;
	size_t i;

	if (argc != 2 && argc != 4)
		errx(EXIT_FAILURE, "one or three directories are needed");
	unit_dir = argv[1];
	rc = tab_read(&tab);
	if (tab.nr && make_target())
		rc = -1;
	for (i = 0; i < tab.nr; i++)
		if (make_service(&tab, &tab.entries[i]))
			rc = -1;
	if (tab.nr_errors)
		rc = -1;
	tab_free(&tab);
	return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}
