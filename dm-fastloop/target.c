// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-fastloop: a regular file as a block device, with I/O straight to the
 * blocks under the file.
 *
 * This file has everything that needs a dm_target: table line, status, limits
 * and registration.
 */
#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/dm-ioctl.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "backing.h"
#include "bio_path.h"
#include "compat.h"
#include "lease.h"
#include "path_arg.h"

#define DM_MSG_PREFIX "fastloop"

struct floop_c {
	struct floop_target target;	/* what the I/O path needs */
	/*
	 * The disk under the file system, for limits. Not from
	 * dm_get_device(): the file system holds the disk already.
	 */
	struct dm_dev disk;
};

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

static int floop_parse_features(struct dm_target *ti, unsigned int argc,
				char **argv)
{
	static const struct dm_arg args[] = {
		{0, 0, "No features are known to this version"},
	};
	struct dm_arg_set as = { .argc = argc, .argv = argv };
	unsigned int nr;

	if (!argc)
		return 0;
	if (dm_read_arg_group(args, &as, &nr, &ti->error))
		return -EINVAL;
	if (as.argc) {
		ti->error = "Too many arguments after the features";
		return -EINVAL;
	}

	return 0;
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
	if (backing->bdev) {
		unsigned int block = bdev_logical_block_size(backing->bdev);

		target->file_only = target->start &
				    ((block >> SECTOR_SHIFT) - 1);
	}

	return 0;
}

static void floop_set_limits_source(struct dm_target *ti, struct floop_c *fc)
{
	fc->disk.bdev = fc->target.backing->bdev;
	fc->disk.mode = dm_table_get_mode(ti->table);
	if (fc->disk.bdev)
		format_dev_t(fc->disk.name, fc->disk.bdev->bd_dev);
}

/*
 * Construct a fastloop target:
 *	<path> <offset in bytes> [<#features> <feature>...]
 */
static int floop_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	bool writable = dm_table_get_mode(ti->table) & FMODE_WRITE;
	struct floop_target *target;
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
	target = &fc->target;

	ret = floop_parse_offset(ti, argv[1], &target->start);
	if (ret)
		goto bad;
	ret = floop_parse_features(ti, argc - 2, argv + 2);
	if (ret)
		goto bad;

	target->stats = alloc_percpu(struct floop_stats);
	if (!target->stats) {
		ti->error = "Cannot allocate counters";
		ret = -ENOMEM;
		goto bad;
	}

	target->backing = floop_backing_get(argv[0], writable,
					    dm_disk(dm_table_get_md(ti->table)),
					    &ti->error);
	if (IS_ERR(target->backing)) {
		ret = PTR_ERR(target->backing);
		goto bad_stats;
	}
	ret = floop_check_file(ti, target);
	if (ret)
		goto bad_backing;

	floop_set_limits_source(ti, fc);
	ti->num_flush_bios = 1;
	ti->flush_supported = true;
	ti->accounts_remapped_io = true;
	ti->per_io_data_size = sizeof(struct floop_bio);
	ti->private = fc;

	return 0;

bad_backing:
	floop_backing_put(target->backing);
bad_stats:
	free_percpu(target->stats);
bad:
	kfree(fc);
	return ret;
}

static void floop_dtr(struct dm_target *ti)
{
	struct floop_c *fc = ti->private;

	floop_backing_put(fc->target.backing);
	free_percpu(fc->target.stats);
	kfree(fc);
}

/* ---- I/O ---- */

static int floop_map(struct dm_target *ti, struct bio *bio)
{
	struct floop_target *target = ti->private;
	struct floop_bio *fb = dm_per_bio_data(bio, sizeof(*fb));

	bio->bi_iter.bi_sector = target->start +
		dm_target_offset(ti, bio->bi_iter.bi_sector);

	return floop_bio_map(target, fb, bio);
}

static int floop_end_io(struct dm_target *ti, struct bio *bio,
			blk_status_t *error)
{
	return floop_bio_end_io(ti->private,
				dm_per_bio_data(bio, sizeof(struct floop_bio)),
				bio, error);
}

/* ---- status ---- */

static const char * const floop_stat_names[FLOOP_NR_STATS] = {
	[FLOOP_REMAPPED_READS]	= "remapped_reads",
	[FLOOP_REMAPPED_WRITES]	= "remapped_writes",
	[FLOOP_ZERO_READS]	= "zero_reads",
	[FLOOP_FILLS]		= "fills",
	[FLOOP_FILE_READS]	= "file_reads",
	[FLOOP_FILE_WRITES]	= "file_writes",
	[FLOOP_FLUSHES]		= "flushes",
	[FLOOP_SYNCS]		= "syncs",
};

static const char *floop_mode_name(enum floop_mode mode)
{
	static const char * const names[] = {
		[FLOOP_MODE_FILE]	= "file",
		[FLOOP_MODE_DIRECT]	= "direct",
		[FLOOP_MODE_RECALL]	= "recall",
	};

	return names[mode];
}

static void floop_status_info(struct floop_target *target, char *result,
			      unsigned int maxlen)
{
	struct floop_backing *backing = target->backing;
	struct inode *inode = floop_backing_inode(backing);
	const char *reason;
	enum floop_mode mode;
	enum floop_stat stat;
	unsigned int sz = 0;

	spin_lock_irq(&backing->lock);
	mode = backing->mode;
	reason = mode == FLOOP_MODE_DIRECT ? NULL : backing->reason;
	spin_unlock_irq(&backing->lock);

	DMEMIT("%s %s dev:%u:%u ino:%lu source:%s extents:%lu known:%llu holes:%llu",
	       floop_mode_name(mode), reason ? reason : "-",
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

/* Prints what floop_ctr() takes. */
static void floop_status_table(struct floop_target *target, char *result,
			       unsigned int maxlen)
{
	unsigned long long offset = (u64)target->start << SECTOR_SHIFT;
	unsigned int sz = 0;
	char *buf, *path;

	buf = kmalloc(PATH_MAX, GFP_NOIO);
	path = buf ? file_path(target->backing->file, buf, PATH_MAX) : NULL;
	if (IS_ERR_OR_NULL(path))
		path = "/path-is-too-long";

	sz = floop_path_encode(result, maxlen, path);
	if (sz < maxlen)
		DMEMIT(" %llu", offset);
	else
		sz = maxlen;	/* dm asks again with a larger buffer */
	kfree(buf);
}

static void floop_status(struct dm_target *ti, status_type_t type,
			 unsigned int status_flags, char *result,
			 unsigned int maxlen)
{
	struct floop_target *target = ti->private;
	unsigned int sz = 0;

	switch (type) {
	case STATUSTYPE_INFO:
		floop_status_info(target, result, maxlen);
		break;
	case STATUSTYPE_TABLE:
		floop_status_table(target, result, maxlen);
		break;
	case STATUSTYPE_IMA:
		DMEMIT_TARGET_NAME_VERSION(ti->type);
		DMEMIT(",offset=%llu;",
		       (unsigned long long)target->start << SECTOR_SHIFT);
		break;
	}
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
	sector_t sectors;

	if (!fc->disk.bdev)
		return 0;

	/* A loop device of 4096-byte blocks may have half a block at its end. */
	sectors = bdev_nr_sectors(fc->disk.bdev);
	sectors = round_down(sectors, bdev_logical_block_size(fc->disk.bdev) >>
				      SECTOR_SHIFT);

	return fn(ti, &fc->disk, 0, sectors, data);
}

static struct target_type floop_type = {
	.name			= "fastloop",
	.version		= {0, 1, 0},
	.features		= DM_TARGET_NOWAIT,
	.module			= THIS_MODULE,
	.ctr			= floop_ctr,
	.dtr			= floop_dtr,
	.map			= floop_map,
	.end_io			= floop_end_io,
	.status			= floop_status,
	.iterate_devices	= floop_iterate_devices,
};

static int __init floop_init(void)
{
	int ret = floop_lease_module_init();

	if (ret)
		return ret;
	ret = dm_register_target(&floop_type);
	if (ret) {
		DMERR("register failed %d", ret);
		floop_lease_module_exit();
	}

	return ret;
}

static void __exit floop_exit(void)
{
	dm_unregister_target(&floop_type);
	floop_lease_module_exit();
}

module_init(floop_init);
module_exit(floop_exit);

MODULE_DESCRIPTION(DM_NAME " target that maps a file to the blocks under it");
MODULE_AUTHOR("The dm-fastloop maintainers");
MODULE_LICENSE("GPL");
