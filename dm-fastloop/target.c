// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-fastloop: a regular file as a block device, with I/O straight to the
 * blocks under the file.
 *
 * This file has table line, status, limits and registration; the path of a bio
 * is in bio_path.c.
 */
#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/dm-ioctl.h>
#include <linux/module.h>
#include <linux/namei.h>
#include <linux/slab.h>

#include "backing.h"
#include "bio_path.h"
#include "compat.h"
#include "lease.h"
#include "message.h"
#include "path_arg.h"
#include "range_tree.h"
#include "source.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

#define DM_MSG_PREFIX "fastloop"

struct floop_c {
	struct floop_target target;	/* what the I/O path needs */
	struct dm_target *ti;
	struct floop_watcher watcher;
	bool watched;			/* the watcher is in the list */
	bool quiet;			/* not in use: nothing to tell */
	int missed;			/* the mode has changed, meanwhile */
	struct path path;		/* for the table line */
	unsigned int sector_size;	/* bytes; 0: the disk's */
	bool no_discard;
	bool pin;
	/*
	 * The disk under the file system, for limits. Not from
	 * dm_get_device(): the file system holds the disk already.
	 */
	struct dm_dev disk;
};

static_assert(!offsetof(struct floop_c, target));	/* is ti->private */

/* ---- modes ---- */

/* For "dmsetup wait", and for programs that listen to uevents. */
static void floop_tell(struct floop_watcher *watcher, bool mode_changed)
{
	struct floop_c *fc = container_of(watcher, struct floop_c, watcher);
	struct gendisk *disk = dm_disk(dm_table_get_md(fc->ti->table));
	char mode_env[32], reason_env[32], error_env[32];
	char *env[4] = { mode_env, reason_env };
	const char *mode, *reason;
	int error;

	if (mode_changed)
		WRITE_ONCE(fc->missed, 1);
	smp_mb();	/* pairs with the one in floop_resume() */
	if (READ_ONCE(fc->quiet))
		return;
	mode_changed = xchg(&fc->missed, 0);
	error = xchg(&fc->target.failed, 0);
	if (!error && !mode_changed)
		return;

	mode = floop_mode_words(fc->target.backing, &reason);
	snprintf(mode_env, sizeof(mode_env), "FASTLOOP_MODE=%s", mode);
	snprintf(reason_env, sizeof(reason_env), "FASTLOOP_REASON=%s", reason);
	snprintf(error_env, sizeof(error_env), "FASTLOOP_ERROR=%d", -error);
	if (error)
		env[2] = error_env;
	dm_table_event(fc->ti->table);
	kobject_uevent_env(&disk_to_dev(disk)->kobj, KOBJ_CHANGE, env);
}

/* ---- construction ---- */

static int floop_parse_offset(struct dm_target *ti, const char *arg,
			      sector_t *start)
{
	unsigned long long offset;

	/* Not sscanf(): it takes 2^64 for 0 without a word. */
	if (kstrtoull(arg, 10, &offset)) {
		ti->error = "Invalid offset: a number of bytes is needed";
		return -EINVAL;
	}
	if (offset & (SECTOR_SIZE - 1)) {
		ti->error = "Offset is not a multiple of 512 bytes";
		return -EINVAL;
	}
	if (offset > LLONG_MAX) {
		ti->error = "Offset is beyond the largest possible file";
		return -EINVAL;
	}
	*start = offset >> SECTOR_SHIFT;

	return 0;
}

static int floop_parse_feature(struct dm_target *ti, struct floop_c *fc,
			       const char *arg)
{
	static const char sector_size[] = "sector_size:";
	unsigned int size;

	if (!strcmp(arg, "no_discard")) {
		fc->no_discard = true;
		return 0;
	}
	if (!strcmp(arg, "pin")) {
		fc->pin = true;
		return 0;
	}
	if (!strncmp(arg, sector_size, strlen(sector_size))) {
		if (kstrtouint(arg + strlen(sector_size), 10, &size) ||
		    size < SECTOR_SIZE || size > SZ_4K || !is_power_of_2(size)) {
			ti->error = "Sector size is not 512, 1024, 2048 or 4096";
			return -EINVAL;
		}
		if ((ti->begin | ti->len) & ((size >> SECTOR_SHIFT) - 1)) {
			ti->error = "Start or length is not a multiple of the sector size";
			return -EINVAL;
		}
		fc->sector_size = size;
		return 0;
	}

	ti->error = "Unknown feature: no_discard, pin and sector_size:<bytes> are known";
	return -EINVAL;
}

static int floop_parse_features(struct dm_target *ti, struct floop_c *fc,
				unsigned int argc, char **argv)
{
	static const struct dm_arg args[] = {
		{0, 3, "Invalid number of features"},
	};
	struct dm_arg_set as = { .argc = argc, .argv = argv };
	unsigned int nr;
	int ret = 0;

	if (!argc)
		return 0;
	if (dm_read_arg_group(args, &as, &nr, &ti->error))
		return -EINVAL;
	while (nr-- && !ret)
		ret = floop_parse_feature(ti, fc, dm_shift_arg(&as));
	if (!ret && as.argc) {
		ti->error = "Too many arguments after the features";
		ret = -EINVAL;
	}

	return ret;
}

/* What can be checked once the file is open. */
static int floop_check_file(struct dm_target *ti, struct floop_target *target)
{
	struct floop_backing *backing = target->backing;
	sector_t sectors = i_size_read(floop_backing_inode(backing)) >>
			   SECTOR_SHIFT;

	if (target->start > sectors || ti->len > sectors - target->start) {
		ti->error = "Backing file is smaller than offset and length need";
		return -EINVAL;
	}

	return 0;
}

static void floop_set_disk(struct dm_target *ti, struct floop_c *fc)
{
	struct block_device *bdev = fc->target.backing->bdev;

	fc->disk.bdev = bdev;
	fc->disk.mode = dm_table_get_mode(ti->table);
	if (bdev) {
		format_dev_t(fc->disk.name, bdev->bd_dev);
		fc->target.block_mask =
			(bdev_logical_block_size(bdev) >> SECTOR_SHIFT) - 1;
		fc->target.small_blocks = fc->sector_size &&
			fc->sector_size < bdev_logical_block_size(bdev);
	}
}

static int floop_get_backing(struct dm_target *ti, struct floop_c *fc,
			     const char *name)
{
	bool writable = dm_table_get_mode(ti->table) & FMODE_WRITE;
	struct floop_backing *backing;
	int ret;

	ret = kern_path(name, LOOKUP_FOLLOW, &fc->path);
	if (ret) {
		ti->error = "Cannot find the backing file";
		return ret;
	}
	backing = floop_backing_get(&fc->path, writable,
				    dm_disk(dm_table_get_md(ti->table)),
				    &ti->error);
	if (IS_ERR(backing)) {
		path_put(&fc->path);
		return PTR_ERR(backing);
	}
	fc->target.backing = backing;
	fc->target.punch = !fc->no_discard && !fc->pin &&
			   floop_source_can_punch(backing);

	return 0;
}

static int floop_pin_backing(struct dm_target *ti, struct floop_c *fc)
{
	const char *error;

	if (!fc->pin)
		return 0;

	/* What the disk cannot take would need the file system. */
	if ((fc->target.start | ti->len | fc->sector_size >> SECTOR_SHIFT) &
	    fc->target.block_mask) {
		ti->error = "Cannot pin: the disk has larger sectors";
		return -EINVAL;
	}

	error = floop_lease_pin(fc->target.backing);
	if (error) {
		ti->error = (char *)error;
		return -EINVAL;
	}

	return 0;
}

static void floop_put_backing(struct floop_c *fc)
{
	floop_backing_put(fc->target.backing);
	path_put(&fc->path);
}

/* What dm core is told about us. */
static void floop_set_target(struct dm_target *ti, struct floop_c *fc)
{
	ti->num_flush_bios = 1;
	ti->flush_supported = true;
	ti->num_discard_bios = fc->target.punch;
	ti->discards_supported = fc->target.punch;
	/* Who is refused, kcopyd for one, may not write zeroes instead. */
	ti->num_write_zeroes_bios = floop_source_can_punch(fc->target.backing);
	ti->accounts_remapped_io = true;
	ti->per_io_data_size = sizeof(struct floop_bio);
	ti->private = fc;
}

/*
 * Construct a fastloop target:
 *	<path> <offset in bytes> [<#features> <feature>...]
 */
static int floop_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct floop_c *fc;
	const char *error;
	int ret;

	if (argc < 2) {
		ti->error = "Not enough arguments: <path> <offset> are needed";
		return -EINVAL;
	}
	error = floop_path_decode(argv[0]);
	if (error) {
		ti->error = (char *)error;
		return -EINVAL;
	}

	fc = kzalloc(sizeof(*fc), GFP_KERNEL);
	if (!fc) {
		ti->error = "Cannot allocate target context";
		return -ENOMEM;
	}
	fc->ti = ti;
	fc->watcher.changed = floop_tell;

	ret = floop_parse_offset(ti, argv[1], &fc->target.start);
	if (ret)
		goto bad;
	ret = floop_parse_features(ti, fc, argc - 2, argv + 2);
	if (ret)
		goto bad;

	fc->target.stats = alloc_percpu(struct floop_stats);
	if (!fc->target.stats) {
		ti->error = "Cannot allocate counters";
		ret = -ENOMEM;
		goto bad;
	}

	ret = floop_get_backing(ti, fc, argv[0]);
	if (ret)
		goto bad_stats;
	ret = floop_check_file(ti, &fc->target);
	if (ret)
		goto bad_backing;

	fc->target.error_seen = errseq_sample(&fc->target.backing->error);
	floop_set_disk(ti, fc);
	ret = floop_pin_backing(ti, fc);
	if (ret)
		goto bad_backing;

	floop_set_target(ti, fc);

	return 0;

bad_backing:
	floop_put_backing(fc);
bad_stats:
	free_percpu(fc->target.stats);
bad:
	kfree(fc);
	return ret;
}

static void floop_dtr(struct dm_target *ti)
{
	struct floop_c *fc = ti->private;

	if (fc->watched)
		floop_backing_unwatch(fc->target.backing, &fc->watcher);
	if (fc->pin)
		floop_lease_unpin(fc->target.backing);
	floop_put_backing(fc);
	free_percpu(fc->target.stats);
	kfree(fc);
}

/*
 * A table that is not in use has nothing to tell of the device. Neither of these waits
 * for who is telling: he may wait for I/O that is held back until the resume.
 */
static void floop_resume(struct dm_target *ti)
{
	struct floop_c *fc = ti->private;

	WRITE_ONCE(fc->quiet, false);
	if (!fc->watched)
		floop_backing_watch(fc->target.backing, &fc->watcher);
	fc->watched = true;
	smp_mb();	/* floop_tell() sees this device in use, or we what it missed */
	if (READ_ONCE(fc->missed) || READ_ONCE(fc->target.failed))
		floop_backing_tell(fc->target.backing, false);
}

static void floop_postsuspend(struct dm_target *ti)
{
	struct floop_c *fc = ti->private;

	WRITE_ONCE(fc->quiet, true);
}

/* ---- status ---- */

static const char * const floop_stat_names[FLOOP_NR_STATS] = {
	[FLOOP_REMAPPED_READS]	= "remapped_reads",
	[FLOOP_REMAPPED_WRITES]	= "remapped_writes",
	[FLOOP_ZERO_READS]	= "zero_reads",
	[FLOOP_FILLS]		= "fills",
	[FLOOP_FILE_READS]	= "file_reads",
	[FLOOP_FILE_WRITES]	= "file_writes",
	[FLOOP_PUNCHES]		= "punches",
	[FLOOP_FLUSHES]		= "flushes",
	[FLOOP_SYNCS]		= "syncs",
};

static void floop_status_info(struct floop_target *target, char *result,
			      unsigned int maxlen)
{
	struct floop_backing *backing = target->backing;
	struct inode *inode = floop_backing_inode(backing);
	const char *mode, *reason;
	enum floop_stat stat;
	unsigned int sz = 0;

	mode = floop_mode_words(backing, &reason);
	DMEMIT("%s %s dev:%u:%u ino:%lu source:%s extents:%lu known:%llu holes:%llu",
	       mode, reason,
	       MAJOR(inode->i_sb->s_dev), MINOR(inode->i_sb->s_dev),
	       inode->i_ino, READ_ONCE(backing->source),
	       READ_ONCE(backing->map.nr_extents),
	       (unsigned long long)READ_ONCE(backing->map.known),
	       (unsigned long long)READ_ONCE(backing->map.holes));
	for (stat = 0; stat < FLOOP_NR_STATS; stat++)
		DMEMIT(" %s:%lu", floop_stat_names[stat],
		       floop_stat_read(target->stats, stat));
	DMEMIT(" recalls:%lu", READ_ONCE(backing->recalls));
}

static unsigned int floop_status_path(struct floop_c *fc, char *result,
				      unsigned int maxlen)
{
	char *buf = kmalloc(PATH_MAX, GFP_NOIO);
	char *path = buf ? d_path(&fc->path, buf, PATH_MAX) : NULL;
	size_t sz;

	if (IS_ERR_OR_NULL(path))
		path = "/path-is-too-long";
	sz = floop_path_encode(result, maxlen, path);
	kfree(buf);

	return min_t(size_t, sz, maxlen);	/* dm asks again with more room */
}

static void floop_status_features(struct floop_c *fc, unsigned int *psz,
				  char *result, unsigned int maxlen)
{
	unsigned int nr = fc->no_discard + fc->pin + !!fc->sector_size;
	unsigned int sz = *psz;

	if (nr)
		DMEMIT(" %u", nr);
	if (fc->no_discard)
		DMEMIT(" no_discard");
	if (fc->pin)
		DMEMIT(" pin");
	if (fc->sector_size)
		DMEMIT(" sector_size:%u", fc->sector_size);
	*psz = sz;
}

/* Prints what floop_ctr() takes. */
static void floop_status_table(struct floop_c *fc, char *result,
			       unsigned int maxlen)
{
	unsigned int sz = floop_status_path(fc, result, maxlen);

	DMEMIT(" %llu", (u64)fc->target.start << SECTOR_SHIFT);
	floop_status_features(fc, &sz, result, maxlen);
}

static void floop_status(struct dm_target *ti, status_type_t type,
			 unsigned int status_flags, char *result,
			 unsigned int maxlen)
{
	struct floop_c *fc = ti->private;
	unsigned int sz = 0;

	switch (type) {
	case STATUSTYPE_INFO:
		floop_status_info(&fc->target, result, maxlen);
		break;
	case STATUSTYPE_TABLE:
		floop_status_table(fc, result, maxlen);
		break;
	case STATUSTYPE_IMA:
		DMEMIT_TARGET_NAME_VERSION(ti->type);
		DMEMIT(",offset=%llu;",
		       (u64)fc->target.start << SECTOR_SHIFT);
		break;
	}
}

static int floop_message(struct dm_target *ti, unsigned int argc, char **argv,
			 char *result, unsigned int maxlen)
{
	struct floop_c *fc = ti->private;

	return floop_message_run(&fc->target, argc, argv, result, maxlen);
}

/* ---- limits ---- */

/*
 * The whole disk, not a range of it: a sparse image may be larger than the
 * disk that it lies on.
 */
static int floop_iterate_devices(struct dm_target *ti,
				 iterate_devices_callout_fn fn, void *data)
{
	struct floop_c *fc = ti->private;
	unsigned int block;
	sector_t sectors;

	if (!fc->disk.bdev)
		return 0;

	/*
	 * It may end in half a block: a loop device of 4096-byte blocks, or any
	 * disk if our own blocks are larger than its.
	 */
	block = max_t(unsigned int, bdev_logical_block_size(fc->disk.bdev),
		      SZ_4K);
	sectors = round_down(bdev_nr_sectors(fc->disk.bdev),
			     block >> SECTOR_SHIFT);

	return fn(ti, &fc->disk, 0, sectors, data);
}

static void floop_discard_limits(struct floop_target *target,
				 struct queue_limits *limits)
{
	unsigned int block = i_blocksize(floop_backing_inode(target->backing));
	unsigned int before = (target->start << SECTOR_SHIFT) & (block - 1);

	limits->max_discard_sectors = UINT_MAX >> SECTOR_SHIFT;
	limits->max_hw_discard_sectors = limits->max_discard_sectors;
	limits->discard_granularity = block;
	/* From the start of the device to the first block of the file. */
	limits->discard_alignment = before ? block - before : 0;
	limits->discard_misaligned = 0;
}

static void floop_io_hints(struct dm_target *ti, struct queue_limits *limits)
{
	struct floop_c *fc = ti->private;
	unsigned int size = fc->sector_size;

	if (size) {
		limits->logical_block_size = size;
		limits->physical_block_size =
			max(limits->physical_block_size, size);
		limits->io_min = max(limits->io_min, size);
	}
	/* No more than a bio has a number for, in whole blocks of any size. */
	limits->max_write_zeroes_sectors =
		min_t(unsigned int, limits->max_write_zeroes_sectors,
		      round_down(UINT_MAX, SZ_4K) >> SECTOR_SHIFT);
	if (fc->target.punch)
		floop_discard_limits(&fc->target, limits);
}

static struct target_type floop_type = {
	.name			= "fastloop",
	.version		= {0, 1, 0},
	.features		= DM_TARGET_NOWAIT,
	.module			= THIS_MODULE,
	.ctr			= floop_ctr,
	.dtr			= floop_dtr,
	.resume			= floop_resume,
	.postsuspend		= floop_postsuspend,
	.map			= floop_bio_map,
	.end_io			= floop_bio_end_io,
	.status			= floop_status,
	.message		= floop_message,
	.iterate_devices	= floop_iterate_devices,
	.io_hints		= floop_io_hints,
};

static int __init floop_init(void)
{
	int ret;

	ret = floop_tree_module_init();
	if (ret)
		return ret;
	ret = floop_lease_module_init();
	if (ret)
		goto bad_lease;
	ret = floop_backing_module_init();
	if (ret)
		goto bad_backing;
	ret = dm_register_target(&floop_type);
	if (ret) {
		DMERR("register failed %d", ret);
		goto bad_register;
	}

	return 0;

bad_register:
	floop_backing_module_exit();
bad_backing:
	floop_lease_module_exit();
bad_lease:
	floop_tree_module_exit();
	return ret;
}

static void __exit floop_exit(void)
{
	dm_unregister_target(&floop_type);
	floop_backing_module_exit();
	floop_lease_module_exit();
	floop_tree_module_exit();
}

module_init(floop_init);
module_exit(floop_exit);

MODULE_DESCRIPTION(DM_NAME " target that maps a file to the blocks under it");
MODULE_AUTHOR("The dm-fastloop maintainers");
MODULE_LICENSE("GPL");
