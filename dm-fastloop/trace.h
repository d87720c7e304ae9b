/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * trace: tracepoints, in /sys/kernel/tracing/events/fastloop.
 *
 * Positions and lengths of bios are in sectors of the file; ino is the file's.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM fastloop

#if !defined(FLOOP_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define FLOOP_TRACE_H

#include <linux/tracepoint.h>

#include "backing.h"
#include "route.h"

#ifndef FLOOP_TRACE_NAMES
#define FLOOP_TRACE_NAMES
#define FLOOP_OP_NAMES \
	{ FLOOP_READ, "read" }, { FLOOP_WRITE, "write" }, \
	{ FLOOP_ZERO, "zero" }, { FLOOP_ALLOCATE, "allocate" }, \
	{ FLOOP_UNMAP, "unmap" }, { FLOOP_DISCARD, "discard" }
#define FLOOP_VERB_NAMES \
	{ FLOOP_DO_REMAP, "remap" }, { FLOOP_DO_ZERO, "zero" }, \
	{ FLOOP_DO_NOTHING, "nothing" }, { FLOOP_DO_LOOK_UP, "look_up" }, \
	{ FLOOP_DO_FILL, "fill" }, { FLOOP_DO_FILE, "file" }, \
	{ FLOOP_DO_PUNCH, "punch" }, { FLOOP_DO_ALLOCATE, "allocate" }, \
	{ FLOOP_DO_ZERO_FILE, "zero_file" }
#define FLOOP_MODE_NAMES \
	{ FLOOP_MODE_FILE, "file" }, { FLOOP_MODE_RECALL, "recall" }, \
	{ FLOOP_MODE_DIRECT, "direct" }, { FLOOP_MODE_PIN, "pin" }
#endif

/* What is done with a part of a bio in direct mode, in map() or in the worker. */
TRACE_EVENT(fastloop_route,
	TP_PROTO(struct floop_backing *backing, sector_t sector,
		 sector_t nr_sectors, enum floop_op op, enum floop_verb verb),
	TP_ARGS(backing, sector, nr_sectors, op, verb),
	TP_STRUCT__entry(
		__field(unsigned long, ino)
		__field(sector_t, sector)
		__field(sector_t, nr_sectors)
		__field(int, op)
		__field(int, verb)
	),
	TP_fast_assign(
		__entry->ino = floop_backing_inode(backing)->i_ino;
		__entry->sector = sector;
		__entry->nr_sectors = nr_sectors;
		__entry->op = op;
		__entry->verb = verb;
	),
	TP_printk("ino %lu %s %llu + %llu: %s", __entry->ino,
		  __print_symbolic(__entry->op, FLOOP_OP_NAMES),
		  (unsigned long long)__entry->sector,
		  (unsigned long long)__entry->nr_sectors,
		  __print_symbolic(__entry->verb, FLOOP_VERB_NAMES))
);

/* A call into the file system that changes the file has returned. */
DECLARE_EVENT_CLASS(fastloop_change,
	TP_PROTO(struct floop_backing *backing, u64 pos, u64 len, int error),
	TP_ARGS(backing, pos, len, error),
	TP_STRUCT__entry(
		__field(unsigned long, ino)
		__field(u64, pos)
		__field(u64, len)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->ino = floop_backing_inode(backing)->i_ino;
		__entry->pos = pos;
		__entry->len = len;
		__entry->error = error;
	),
	TP_printk("ino %lu pos %llu len %llu error %d", __entry->ino,
		  (unsigned long long)__entry->pos,
		  (unsigned long long)__entry->len, __entry->error)
);

DEFINE_EVENT(fastloop_change, fastloop_fill,
	TP_PROTO(struct floop_backing *backing, u64 pos, u64 len, int error),
	TP_ARGS(backing, pos, len, error));
DEFINE_EVENT(fastloop_change, fastloop_punch,
	TP_PROTO(struct floop_backing *backing, u64 pos, u64 len, int error),
	TP_ARGS(backing, pos, len, error));

/* A flush: the disk's alone will do, or the file may have to be synced before. */
TRACE_EVENT(fastloop_flush,
	TP_PROTO(struct floop_backing *backing, bool disk),
	TP_ARGS(backing, disk),
	TP_STRUCT__entry(
		__field(unsigned long, ino)
		__field(bool, disk)
	),
	TP_fast_assign(
		__entry->ino = floop_backing_inode(backing)->i_ino;
		__entry->disk = disk;
	),
	TP_printk("ino %lu %s", __entry->ino, __entry->disk ? "disk" : "file")
);

/* The file was synced, for a flush, FUA, or a change of mode. */
TRACE_EVENT(fastloop_sync,
	TP_PROTO(struct floop_backing *backing, int error),
	TP_ARGS(backing, error),
	TP_STRUCT__entry(
		__field(unsigned long, ino)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->ino = floop_backing_inode(backing)->i_ino;
		__entry->error = error;
	),
	TP_printk("ino %lu error %d", __entry->ino, __entry->error)
);

/* Recall and return of the lease. */
TRACE_EVENT(fastloop_mode,
	TP_PROTO(struct floop_backing *backing, enum floop_mode mode,
		 const char *reason),
	TP_ARGS(backing, mode, reason),
	TP_STRUCT__entry(
		__field(unsigned long, ino)
		__field(int, mode)
		__string(reason, reason ? reason : "-")
	),
	TP_fast_assign(
		__entry->ino = floop_backing_inode(backing)->i_ino;
		__entry->mode = mode;
		__assign_str(reason, reason ? reason : "-");
	),
	TP_printk("ino %lu %s %s", __entry->ino,
		  __print_symbolic(__entry->mode, FLOOP_MODE_NAMES),
		  __get_str(reason))
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
