// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmlosetup: losetup for fastloop devices.
 */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include "attach.h"
#include "boot.h"
#include "create.h"
#include "detach.h"
#include "devname.h"
#include "loopdm.h"
#include "map.h"
#include "options.h"
#include "output.h"
#include "partitions.h"
#include "placeholder.h"
#include "preload.h"
#include "query.h"
#include "resize.h"
#include "stat.h"
#include "util.h"

static int make_output(const struct request *req, struct output *out)
{
	*out = (struct output){
		.list = req->flags & F_LIST,
		.json = req->flags & F_JSON,
		.raw = req->flags & F_RAW,
		.no_headings = req->flags & F_NO_HEADINGS,
	};
	if (req->flags & F_ALL_COLUMNS)
		output_all_columns(out);
	else
		output_default_columns(out);
	return req->columns ? output_parse_columns(out, req->columns) : 0;
}

static int attach(const struct request *req)
{
	const struct attach setup = {
		.file = req->file,
		.device = req->nr_devices ? req->devices[0] : NULL,
		.offset = req->offset,
		.sizelimit = req->sizelimit,
		.sector_size = req->sector_size,
		.ref = req->ref,
		.read_only = req->flags & F_READ_ONLY,
		.partscan = req->flags & F_PARTSCAN,
		.nooverlap = req->flags & F_NOOVERLAP,
		.overlap = req->flags & F_OVERLAP || called_losetup(),
		.show = req->flags & F_SHOW,
	};

	return attach_file(&setup);
}

/* With --create there is a file only if there is a device. */
static int do_create(const struct request *req)
{
	struct new_file file = {
		.path = req->file,
		.size = req->create_size,
		.prealloc = req->flags & F_PREALLOC,
	};
	int rc;

	if (!(req->flags & F_CREATE))
		return attach(req);
	signals_hold();
	rc = create_file(&file);
	if (!rc) {
		rc = attach(req);
		if (rc)
			create_undo(&file);
	}
	signals_release();
	return rc;
}

/* All of them, even if some fail. */
static int each_device(const struct request *req, int (*fn)(const char *))
{
	int i, res = 0;

	for (i = 0; i < req->nr_devices; i++)
		if (fn(req->devices[i]))
			res = -1;
	return res;
}

static int do_detach(const struct request *req)
{
	return detach_devices(req->devices, req->nr_devices,
			      req->flags & F_WAIT);
}

static int do_detach_all(const struct request *req)
{
	return detach_all(req->flags & F_WAIT);
}

static int do_show(const struct request *req)
{
	const struct filter filter = {
		.file = req->file,
		.has_offset = req->flags & F_OFFSET,
		.offset = req->offset,
	};
	struct output out;

	if (make_output(req, &out))
		return -1;
	return query_all(&out, &filter);
}

static int do_show_one(const struct request *req)
{
	struct output out;

	if (make_output(req, &out))
		return -1;
	return query_one(&out, req->devices[0]);
}

static int do_find(const struct request *req __attribute__((unused)))
{
	return placeholder_show();
}

static int do_set_capacity(const struct request *req)
{
	return each_device(req, resize_device);
}

static int do_set_direct_io(const struct request *req)
{
	return each_device(req, query_direct_io);
}

static int do_remove(const struct request *req)
{
	return each_device(req, placeholder_drop);
}

static int do_preload(const struct request *req)
{
	return each_device(req, preload_device);
}

static int do_map(const struct request *req)
{
	return map_show(req->devices[0], req->flags & F_JSON);
}

static int do_stat(const struct request *req)
{
	return stat_show(req->seconds, req->flags & F_JSON);
}

static int do_attach_tab(const struct request *req)
{
	return boot_attach(req->devices, req->nr_devices);
}

static int do_detach_tab(const struct request *req)
{
	return boot_detach(req->devices, req->nr_devices,
			   req->flags & F_WAIT);
}

static int do_set_sector_size(const struct request *req)
{
	return resize_sectors_device(req->devices[0], req->sector_size);
}

static int do_partscan(const struct request *req)
{
	return each_device(req, partitions_scan_device);
}

static int (*const actions[NR_ACTIONS])(const struct request *) = {
	[A_CREATE]	= do_create,
	[A_DETACH]	= do_detach,
	[A_DETACH_ALL]	= do_detach_all,
	[A_SHOW]	= do_show,
	[A_SHOW_ONE]	= do_show_one,
	[A_FIND]	= do_find,
	[A_SET_CAPACITY] = do_set_capacity,
	[A_SET_DIRECT_IO] = do_set_direct_io,
	[A_REMOVE]	= do_remove,
	[A_PRELOAD]	= do_preload,
	[A_MAP]		= do_map,
	[A_STAT]	= do_stat,
	[A_ATTACH_TAB]	= do_attach_tab,
	[A_DETACH_TAB]	= do_detach_tab,
	[A_SET_SECTOR_SIZE] = do_set_sector_size,
	[A_PARTSCAN]	= do_partscan,
};

int main(int argc, char **argv)
{
	struct request req;
	int rc;

	setlocale(LC_ALL, "");
	/* A fraction has a point, in JSON and wherever scripts read it. */
	setlocale(LC_NUMERIC, "C");
	/* A message is one write: many of us may share a log. */
	setvbuf(stderr, NULL, _IOLBF, BUFSIZ);
	options_parse(&req, argc, argv);
	loopdm_init();
	rc = actions[req.action](&req);
	loopdm_exit();
	free(req.devices);
	/* What failed has said so, be it this. */
	if (!rc)
		rc = flush_stdout();
	return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}
