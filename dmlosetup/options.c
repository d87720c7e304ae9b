// SPDX-License-Identifier: GPL-2.0-only
#include "options.h"

#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devname.h"
#include "size.h"
#include "table.h"
#include "util.h"

#ifndef VERSION
#define VERSION "unknown"
#endif

enum {
	OPT_SIZELIMIT = CHAR_MAX + 1,
	OPT_SHOW,
	OPT_RAW,
	OPT_DIO,
	OPT_OUTPUT_ALL,
	OPT_NAME,
	OPT_REMOVE,
	OPT_LOOP_REF,
	OPT_CREATE,
	OPT_PREALLOC,
	OPT_PRELOAD,
	OPT_MAP,
	OPT_STAT,
	OPT_ATTACH_TAB,
	OPT_DETACH_TAB,
	OPT_WAIT,
	OPT_OVERLAP,
};

struct option_info {
	int key;		/* the letter, if there is one */
	const char *name;
	int has_arg;
	const char *arg;	/* what --help writes behind the name */
	const char *help;	/* NULL: not an option to tell about */
	/* What it does to the request; value is its parameter. */
	void (*apply)(struct request *req, const struct option_info *info,
		      const char *arg);
	unsigned int value;
};

static void set_action(struct request *req, const struct option_info *info,
		       const char *arg __attribute__((unused)))
{
	req->action = info->value;
}

static void add_device(struct request *req, const char *device)
{
	req->devices[req->nr_devices++] = device;
}

/* -d DEV, -dDEV and -d: up to 2.41 losetup has an argument here. */
static void set_device_action(struct request *req,
			      const struct option_info *info, const char *arg)
{
	req->action = info->value;
	if (arg)
		add_device(req, arg);
}

static void set_associated(struct request *req, const struct option_info *info,
			   const char *arg)
{
	req->action = info->value;
	req->file = arg;
}

static void set_flag(struct request *req, const struct option_info *info,
		     const char *arg __attribute__((unused)))
{
	req->flags |= info->value;
}

static uint64_t parse_or_exit(const char *arg, const char *what)
{
	uint64_t size;
	int rc = size_parse(arg, &size);

	if (rc)
		errx(EXIT_FAILURE, "failed to parse %s: '%s': %s", what, arg,
		     strerror(-rc));
	return size;
}

static void set_offset(struct request *req, const struct option_info *info,
		       const char *arg)
{
	req->offset = parse_or_exit(arg, "offset");
	req->flags |= info->value;
}

static void set_sizelimit(struct request *req, const struct option_info *info,
			  const char *arg)
{
	req->sizelimit = parse_or_exit(arg, "size");
	req->flags |= info->value;
}

static void set_create(struct request *req, const struct option_info *info,
		       const char *arg)
{
	req->create_size = parse_or_exit(arg, "size");
	req->flags |= info->value;
}

static void set_stat(struct request *req, const struct option_info *info,
		     const char *arg)
{
	char *end;

	req->action = info->value;
	if (!arg)
		return;
	req->seconds = strtod(arg, &end);
	if (end == arg || *end || !(req->seconds >= 0.01) ||
	    req->seconds > 86400)
		errx(EXIT_FAILURE, "failed to parse seconds: '%s': %s", arg,
		     strerror(EINVAL));
}

/* Whether it is a possible one is seen when the object is known. */
static void set_sector_size(struct request *req,
			    const struct option_info *info __attribute__((unused)),
			    const char *arg)
{
	uint64_t size = parse_or_exit(arg, "logical block size");

	req->sector_size = size && size < UINT_MAX ? size : UINT_MAX;
}

static void set_ref(struct request *req,
		    const struct option_info *info __attribute__((unused)),
		    const char *arg)
{
	req->ref = arg;
}

static void set_direct_io(struct request *req, const struct option_info *info,
			  const char *arg)
{
	req->flags |= info->value | F_DIO;
	if (!arg || !strcmp(arg, "on"))
		return;
	if (strcmp(arg, "off"))
		errx(EXIT_FAILURE, "argument error: '%s'", arg);
	req->flags &= ~F_DIO;
}

static void set_columns(struct request *req, const struct option_info *info,
			const char *arg)
{
	req->columns = arg;
	req->flags |= info->value;
}

static void set_name(struct request *req,
		     const struct option_info *info __attribute__((unused)),
		     const char *arg)
{
	req->name = arg;
}

static void ignore(struct request *req __attribute__((unused)),
		   const struct option_info *info __attribute__((unused)),
		   const char *arg __attribute__((unused)))
{
}

static void print_help(struct request *req, const struct option_info *info,
		       const char *arg) __attribute__((noreturn));

/* Of --help and --version. */
static void __attribute__((noreturn)) exit_printed(void)
{
	exit(flush_stdout() ? EXIT_FAILURE : EXIT_SUCCESS);
}

static void __attribute__((noreturn))
print_version(struct request *req __attribute__((unused)),
	      const struct option_info *info __attribute__((unused)),
	      const char *arg __attribute__((unused)))
{
	printf("%s from dm-fastloop %s\n", program_invocation_short_name,
	       VERSION);
	exit_printed();
}

#define NONE	no_argument, NULL
#define SEPARATOR { 0, NULL, NONE, NULL, NULL, 0 }

static const struct option_info infos[] = {
	{ 'a', "all", NONE, "list all used devices",
	  set_action, A_SHOW },
	{ 'd', "detach", optional_argument, " <loopdev>...",
	  "detach one or more devices",
	  set_device_action, A_DETACH },
	{ 'D', "detach-all", NONE, "detach all used devices",
	  set_action, A_DETACH_ALL },
	{ 'f', "find", NONE, "find first unused device",
	  set_action, A_FIND },
	{ 'c', "set-capacity", optional_argument, " <loopdev>",
	  "resize the device",
	  set_device_action, A_SET_CAPACITY },
	{ 'j', "associated", required_argument, " <file>",
	  "list all devices associated with <file>",
	  set_associated, A_SHOW },
	{ OPT_REMOVE, "remove", optional_argument, " <loopdev>...",
	  "drop devices that --find made and nobody uses",
	  set_device_action, A_REMOVE },
	{ OPT_PRELOAD, "preload", optional_argument, " <loopdev>...",
	  "learn now where all of the device's file lies",
	  set_device_action, A_PRELOAD },
	{ OPT_MAP, "map", optional_argument, " <loopdev>",
	  "draw where the device's file lies (or --json)",
	  set_device_action, A_MAP },
	{ OPT_STAT, "stat", optional_argument, " [<seconds>]",
	  "modes and counters, or rates (or --json)",
	  set_stat, A_STAT },
	{ OPT_ATTACH_TAB, "attach-tab", no_argument, " [<name>...]",
	  "attach what /etc/fastlooptab has",
	  set_action, A_ATTACH_TAB },
	{ OPT_DETACH_TAB, "detach-tab", no_argument, " [<name>...]",
	  "detach what /etc/fastlooptab has",
	  set_action, A_DETACH_TAB },
	{ 'L', "nooverlap", NONE,
	  "take the device that is there, refuse part of it",
	  set_flag, F_NOOVERLAP },
	{ OPT_OVERLAP, "overlap", NONE,
	  "allow two devices that write to the same bytes",
	  set_flag, F_OVERLAP },
	{ OPT_WAIT, "wait", NONE, "return when detached devices are gone",
	  set_flag, F_WAIT },
	SEPARATOR,
	{ 'o', "offset", required_argument, " <num>",
	  "start at offset <num> into file",
	  set_offset, F_OFFSET },
	{ 'b', "sector-size", required_argument, " <num>",
	  "set the logical sector size to <num>",
	  set_sector_size, 0 },
	{ OPT_SIZELIMIT, "sizelimit", required_argument, " <num>",
	  "device is limited to <num> bytes of the file",
	  set_sizelimit, F_SIZELIMIT },
	{ 'P', "partscan", NONE, "create devices for the partitions",
	  set_flag, F_PARTSCAN },
	{ OPT_LOOP_REF, "loop-ref", required_argument, " <string>",
	  "loop device reference",
	  set_ref, 0 },
	{ OPT_NAME, "name", required_argument, " <name>",
	  "name of the new device, instead of a number",
	  set_name, 0 },
	{ OPT_CREATE, "create", required_argument, " <size>",
	  "make the file first; it must not exist",
	  set_create, F_CREATE },
	{ OPT_PREALLOC, "prealloc", NONE, "with --create: allocate its blocks",
	  set_flag, F_PREALLOC },
	{ 'r', "read-only", NONE, "set up a read-only loop device",
	  set_flag, F_READ_ONLY },
	{ OPT_DIO, "direct-io", optional_argument, "[=<on|off>]",
	  "accepted, without effect",
	  set_direct_io, F_SET_DIO },
	{ OPT_SHOW, "show", NONE, "print device name after setup",
	  set_flag, F_SHOW },
	{ 'v', "verbose", NONE, "accepted and ignored",
	  ignore, 0 },
	SEPARATOR,
	{ 'J', "json", NONE, "use JSON --list output format",
	  set_flag, F_JSON | F_LIST },
	{ 'l', "list", NONE, "list info about all or specified (default)",
	  set_flag, F_LIST },
	{ 'n', "noheadings", NONE, "don't print headings for --list output",
	  set_flag, F_NO_HEADINGS },
	{ 'O', "output", required_argument, " <cols>",
	  "specify columns to output for --list",
	  set_columns, F_LIST },
	{ OPT_OUTPUT_ALL, "output-all", NONE, "output all columns",
	  set_flag, F_ALL_COLUMNS | F_LIST },
	{ OPT_RAW, "raw", NONE, "use raw --list output format",
	  set_flag, F_RAW | F_LIST },
	SEPARATOR,
	{ 'h', "help", NONE, "display this help", print_help, 0 },
	{ 'V', "version", NONE, "display version", print_version, 0 },
};

/* What does not go together: at most one of each line. */
static const int exclusive[][13] = {
	{ 'D', 'a', 'c', 'd', 'f', 'j' },
	{ 'D', 'c', 'd', 'f', 'l' },
	{ 'D', 'c', 'd', 'f', 'O' },
	{ 'J', OPT_RAW },
	{ 'L', OPT_OVERLAP },
	{ OPT_REMOVE, 'D', 'a', 'c', 'd', 'f', 'j' },
	{ OPT_REMOVE, 'l' },
	{ OPT_REMOVE, 'O' },
	{ OPT_PRELOAD, OPT_MAP, OPT_STAT, OPT_ATTACH_TAB, OPT_DETACH_TAB,
	  OPT_REMOVE, 'D', 'a', 'c', 'd', 'f', 'j' },
	{ OPT_PRELOAD, OPT_MAP, OPT_STAT, OPT_ATTACH_TAB, OPT_DETACH_TAB, 'l' },
	{ OPT_PRELOAD, OPT_MAP, OPT_STAT, OPT_ATTACH_TAB, OPT_DETACH_TAB, 'O' },
	{ OPT_PRELOAD, OPT_ATTACH_TAB, OPT_DETACH_TAB, 'J' },
	{ OPT_PRELOAD, OPT_MAP, OPT_STAT, OPT_RAW },
};

static const struct option_info *find_info(int key)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(infos); i++)
		if (infos[i].name && infos[i].key == key)
			return &infos[i];
	return NULL;
}

static void print_option(const struct option_info *info)
{
	char buf[64];
	int n;

	if (info->key <= CHAR_MAX)
		n = snprintf(buf, sizeof(buf), " -%c, ", info->key);
	else
		n = snprintf(buf, sizeof(buf), "     ");
	snprintf(buf + n, sizeof(buf) - n, "--%s%s", info->name,
		 info->arg ? info->arg : "");
	printf("%-30s %s\n", buf, info->help);
}

static void print_help(struct request *req __attribute__((unused)),
		       const struct option_info *info,
		       const char *arg __attribute__((unused)))
{
	const char *me = program_invocation_short_name;

	printf("\nUsage:\n"
	       " %1$s [options] [<loopdev>]\n"
	       " %1$s [options] -f | <loopdev> <file>\n"
	       "\nSet up and control fastloop devices.\n"
	       "\nOptions:\n", me);
	for (info = infos; info < infos + ARRAY_SIZE(infos); info++) {
		if (!info->name)
			putchar('\n');
		else if (info->help)
			print_option(info);
	}
	printf("\nAvailable output columns:\n");
	output_help(stdout);
	printf("\nFor more details see dmlosetup(8).\n");
	exit_printed();
}

static void __attribute__((noreturn)) try_help(void)
{
	fprintf(stderr, "Try '%s --help' for more information.\n",
		program_invocation_short_name);
	exit(EXIT_FAILURE);
}

static void __attribute__((noreturn)) exit_exclusive(const int *row)
{
	fprintf(stderr, "%s: mutually exclusive arguments:",
		program_invocation_short_name);
	for (; *row; row++)
		fprintf(stderr, " --%s", find_info(*row)->name);
	fputc('\n', stderr);
	exit(EXIT_FAILURE);
}

/* @seen has, for each row, the option of it that was there. */
static void check_exclusive(int key, int seen[static ARRAY_SIZE(exclusive)])
{
	const int *k;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(exclusive); i++) {
		for (k = exclusive[i]; *k && *k != key; k++)
			;
		if (!*k)
			continue;
		if (seen[i] && seen[i] != key)
			exit_exclusive(exclusive[i]);
		seen[i] = key;
	}
}

/* For getopt_long(): both forms of the table. */
static void make_getopt(char *letters, struct option *longs)
{
	const struct option_info *info;

	for (info = infos; info < infos + ARRAY_SIZE(infos); info++) {
		if (!info->name)
			continue;
		*longs++ = (struct option){ info->name, info->has_arg, NULL,
					    info->key };
		if (info->key > CHAR_MAX)
			continue;
		*letters++ = info->key;
		if (info->has_arg != no_argument)
			*letters++ = ':';
		if (info->has_arg == optional_argument)
			*letters++ = ':';
	}
	*letters = '\0';
	*longs = (struct option){ NULL, 0, NULL, 0 };
}

static void parse_options(struct request *req, int argc, char **argv)
{
	struct option longs[ARRAY_SIZE(infos) + 1];
	char letters[3 * ARRAY_SIZE(infos) + 1];
	int seen[ARRAY_SIZE(exclusive)] = { 0 };
	const struct option_info *info;
	int key;

	make_getopt(letters, longs);
	while ((key = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		info = key == '?' ? NULL : find_info(key);
		if (!info)
			try_help();
		check_exclusive(key, seen);
		info->apply(req, info, optarg);
	}
}

/* No action was named: what there is of arguments tells. */
static void guess_action(struct request *req, int nr_args)
{
	if (req->name)
		req->action = A_CREATE;
	else if (!nr_args && req->flags & F_LIST)
		req->action = A_SHOW;
	else if (!nr_args)
		errx(EXIT_FAILURE, "no loop device specified");
	else if (nr_args > 1)
		req->action = A_CREATE;
	else if (req->sector_size)
		req->action = A_SET_SECTOR_SIZE;
	else if (req->flags & F_SET_DIO)
		req->action = A_SET_DIRECT_IO;
	else if (req->flags & F_PARTSCAN)
		req->action = A_PARTSCAN;
	else
		req->action = A_SHOW_ONE;
}

/* losetup opens what is named: it makes no name up. */
static void refuse_new_name(const char *device)
{
	char name[NAME_SIZE], path[DEVNAME_SIZE];

	if (devname_resolve(device, name) || name_number(name) >= 0)
		return;
	devname_path(name, path);
	if (access(path, F_OK))
		errx(EXIT_FAILURE, "%s%s: failed to set up loop device: %s",
		     strchr(device, '/') ? "" : "/dev/", device,
		     strerror(ENOENT));
}

/* Two files, or the two the wrong way round, are no device and its file. */
static void refuse_file(const char *device, const char *file)
{
	struct stat st;

	if (!strchr(device, '/') && strcmp(device, file) &&
	    name_number(device) < 0 && !name_is_devno(device) &&
	    !stat(device, &st) && S_ISREG(st.st_mode))
		errx(EXIT_FAILURE, "%s: failed to set up loop device: it is a file "
		     "(--name %s makes a device of that name)", device, device);
}

static void check_new_device(const char *device, const char *file)
{
	if (called_losetup())
		refuse_new_name(device);
	else
		refuse_file(device, file);
}

/* Hands the arguments out. Returns how many were wanted. */
static int take_arguments(struct request *req, int nr_args, char **args)
{
	int i, nr = 0;

	switch (req->action) {
	case A_CREATE:
		add_device(req, req->name ? req->name : args[nr++]);
		if (nr == nr_args)
			errx(EXIT_FAILURE, "no file specified");
		req->file = args[nr++];
		if (!req->name && nr == nr_args)
			check_new_device(req->devices[0], req->file);
		return nr;
	case A_FIND:
		if (!nr_args)
			return 0;
		req->action = A_CREATE;
		req->file = args[0];
		return 1;
	case A_DETACH:
	case A_REMOVE:
	case A_PRELOAD:
		for (i = 0; i < nr_args; i++)
			add_device(req, args[i]);
		nr = nr_args;
		break;
	case A_ATTACH_TAB:
	case A_DETACH_TAB:
		for (; nr < nr_args; nr++)
			add_device(req, args[nr]);
		return nr;
	case A_STAT:
		if (nr_args && !req->seconds)
			set_stat(req, find_info(OPT_STAT), args[nr++]);
		return nr;
	case A_SET_CAPACITY:
	case A_MAP:
	case A_SHOW_ONE:
	case A_SET_DIRECT_IO:
	case A_SET_SECTOR_SIZE:
	case A_PARTSCAN:
		if (!req->nr_devices && nr_args)
			add_device(req, args[nr++]);
		if (req->nr_devices > 1)
			return -1;
		break;
	default:
		return 0;
	}
	if (!req->nr_devices)
		errx(EXIT_FAILURE, "no loop device specified");
	return nr;
}

static void check_context(const struct request *req)
{
	unsigned int setup = F_SIZELIMIT | F_READ_ONLY | F_SHOW;

	if (req->flags & F_PREALLOC && !(req->flags & F_CREATE))
		errx(EXIT_FAILURE, "the option --prealloc needs --create");
	if (req->flags & F_WAIT && req->action != A_DETACH &&
	    req->action != A_DETACH_ALL && req->action != A_DETACH_TAB)
		errx(EXIT_FAILURE, "the option --wait is allowed when devices "
		     "are detached only");
	if (req->action == A_CREATE)
		return;
	if (req->flags & (F_CREATE | F_OVERLAP))
		errx(EXIT_FAILURE, "the option --%s is allowed during loop "
		     "device setup only",
		     req->flags & F_CREATE ? "create" : "overlap");
	if (req->action != A_SET_DIRECT_IO && req->action != A_SET_SECTOR_SIZE)
		setup |= F_DIO;
	if (req->action != A_PARTSCAN)
		setup |= F_PARTSCAN;
	if (req->flags & setup)
		errx(EXIT_FAILURE, "the options --{sizelimit,partscan,read-only,"
		     "show} are allowed during loop device setup only");
	if (req->name || req->ref)
		errx(EXIT_FAILURE, "the option --%s is allowed during loop "
		     "device setup only", req->name ? "name" : "loop-ref");
	if (req->flags & F_OFFSET && (req->action != A_SHOW || !req->file))
		errx(EXIT_FAILURE,
		     "the option --offset is not allowed in this context");
}

void options_parse(struct request *req, int argc, char **argv)
{
	memset(req, 0, sizeof(*req));
	/* One for every argument and one for --name. */
	req->devices = xrealloc(NULL, (argc + 1) * sizeof(*req->devices));
	/* getopt's messages begin as ours do. */
	argv[0] = program_invocation_short_name;

	if (argc == 1)
		req->flags |= F_LIST;
	parse_options(req, argc, argv);
	argc -= optind;
	argv += optind;
	/* --find names no device, --name does. */
	if (req->action == A_FIND && req->name)
		req->action = A_CREATE;
	if (req->action == A_NONE)
		guess_action(req, argc);
	if (take_arguments(req, argc, argv) != argc)
		errx(EXIT_FAILURE, "unexpected arguments");
	check_context(req);
}
