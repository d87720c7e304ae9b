// SPDX-License-Identifier: GPL-2.0-only
/*
 * source: which files may be mapped, and who is asked where they lie.
 */
#include <linux/blkdev.h>
#include <linux/exportfs.h>
#include <linux/fileattr.h>
#include <linux/fs.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <linux/stat.h>
#include <linux/swap.h>

#include "source.h"

/*
 * Blocks. Asking costs about 150 ns for each, being asked again costs a hop to
 * the worker.
 */
#define FLOOP_LOOK_AHEAD	1024

static unsigned long floop_max_extents = 8UL << 20;
module_param_named(max_extents, floop_max_extents, ulong, 0644);
MODULE_PARM_DESC(max_extents,
		 "Ranges that are remembered of one file, at about 20 bytes each");

bool floop_has_layouts(struct floop_backing *backing)
{
	const struct export_operations *ops =
		floop_backing_inode(backing)->i_sb->s_export_op;

	return ops && ops->map_blocks;
}

/*
 * File systems that write data in place, never move a block behind the back
 * of a lease, and whose answers have been read and tried.
 */
static const struct floop_fs {
	const char *name;
	/*
	 * Shares blocks through descriptors that are open for reading only,
	 * and asks nobody but the holders of layouts.
	 */
	bool needs_layouts;
	bool cannot_punch;	/* though it has a fallocate() */
} floop_allowed_fs[] = {
	{ "ext2" }, { "ext3" }, { "ext4" },
	{ "xfs", .needs_layouts = true },
	{ "vfat", .cannot_punch = true }, { "msdos", .cannot_punch = true },
	{ "exfat" },
};

static const struct floop_fs *floop_find_fs(const struct super_block *sb)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(floop_allowed_fs); i++)
		if (!strcmp(sb->s_type->name, floop_allowed_fs[i].name))
			return &floop_allowed_fs[i];

	return NULL;
}

bool floop_source_allows(struct inode *inode)
{
	const struct super_block *sb = inode->i_sb;
	const struct floop_fs *fs = floop_find_fs(sb);

	/* Zoned disks would want writes in order. */
	return fs && inode->i_mapping->a_ops->bmap &&
	       !(sb->s_bdev && bdev_is_zoned(sb->s_bdev)) &&
	       (!fs->needs_layouts ||
		(sb->s_export_op && sb->s_export_op->map_blocks));
}

bool floop_source_can_punch(struct floop_backing *backing)
{
	const struct floop_fs *fs = floop_find_fs(backing->sb);

	return backing->writable && backing->file->f_op->fallocate &&
	       !(fs && fs->cannot_punch);
}

/* Properties of the file system or the inode that stay for as long as we do. */
static const char *floop_refuses_for_good(struct inode *inode)
{
	if (!floop_source_allows(inode))
		return "fs";
	if (!inode->i_sb->s_bdev)
		return "nobdev";
	if (IS_ENCRYPTED(inode))
		return "encrypted";
	if (IS_VERITY(inode))
		return "verity";
	if (IS_DAX(inode))
		return "dax";
	if (bdev_logical_block_size(inode->i_sb->s_bdev) > i_blocksize(inode))
		return "alignment";

	return NULL;
}

/* Properties that may change on a descriptor that moves no lease. */
static const char *floop_refuses_for_now(struct file *file)
{
	struct fileattr fa = { .flags_valid = false };
	struct kstat stat;

	if (IS_SWAPFILE(file_inode(file)))
		return "swapfile";
	if (IS_NOQUOTA(file_inode(file)))
		return "noquota";

	/*
	 * ext4 reports no direct I/O for data=journal, chattr +j, verity and
	 * inline data: whatever cannot be written in place.
	 */
	if (vfs_getattr(&file->f_path, &stat, STATX_BASIC_STATS |
			STATX_DIOALIGN, AT_STATX_SYNC_AS_STAT))
		return "io_error";
	if ((stat.result_mask & STATX_DIOALIGN) && !stat.dio_offset_align)
		return "journal";
	if (stat.attributes & STATX_ATTR_COMPRESSED)
		return "compressed";

	if (!vfs_fileattr_get(file->f_path.dentry, &fa) &&
	    fa.fsx_xflags & FS_XFLAG_REALTIME)
		return "realtime";

	return NULL;
}

const char *floop_source_refuses(struct floop_backing *backing,
				 bool *permanent)
{
	const char *reason =
		floop_refuses_for_good(floop_backing_inode(backing));

	*permanent = reason;
	if (!reason)
		reason = floop_refuses_for_now(backing->file);

	return reason;
}

/*
 * XFS shares blocks of a file without a word in its attributes, but answers no
 * bmap() for such a file. Its export operations would tell, too; but they want the
 * inode's lock for themselves. Whoever does direct I/O to the file has it, and may
 * be waiting for us: with a buffer that is mapped from a file system on the device.
 */
const char *floop_source_probe(struct floop_backing *backing)
{
	if (floop_has_layouts(backing) && floop_bmap_is_refused(backing))
		return "reflink";

	return NULL;
}

const char *floop_source_prepare(struct floop_backing *backing)
{
	struct inode *inode = floop_backing_inode(backing);
	const char *reason;

	backing->geo.align = i_blocksize(inode);
	/*
	 * Not the block that the file ends in: the disk has room behind that
	 * end, but what is written there is not in the file.
	 */
	backing->geo.file_len = round_down((u64)i_size_read(inode),
					   i_blocksize(inode));
	backing->geo.disk_len = bdev_nr_bytes(backing->bdev);

	reason = floop_source_probe(backing);
	if (!reason)
		reason = floop_refuses_for_now(backing->file);

	return reason;
}

/*
 * A range that is written stays where it is for as long as we have the lease
 * and do not give it back ourselves, in punch.c. If the file system says
 * otherwise, it means that it could not say.
 */
static int floop_publish_around_written(struct floop_backing *backing,
					const struct floop_range *range)
{
	sector_t sector = range->sector;
	sector_t end = sector + range->nr_sectors;
	struct floop_answer answer;
	sector_t nr;
	int error;

	for (; sector < end; sector += nr) {
		answer = floop_map_lookup(&backing->map, sector);
		nr = min(answer.nr_sectors, end - sector);
		if (answer.kind == FLOOP_WRITTEN)
			continue;
		error = floop_map_set(&backing->map, sector, nr, range->kind, 0,
				      GFP_NOIO);
		if (error)
			return error;
	}

	return 0;
}

/* To forget is always safe; what is needed will be learned again. */
void floop_source_make_room(struct floop_backing *backing)
{
	lockdep_assert_held(&backing->fs_lock);

	if (unlikely(backing->map.nr_extents >= READ_ONCE(floop_max_extents)))
		floop_map_shrink(&backing->map, FLOOP_LOOK_AHEAD, GFP_NOIO);
}

int floop_source_publish(struct floop_backing *backing,
			 const struct floop_raw_extent *raw)
{
	struct floop_range range;
	int error;

	lockdep_assert_held(&backing->fs_lock);

	floop_source_make_room(backing);
	/* The file system may have been grown, with its disk. */
	backing->geo.disk_len = bdev_nr_bytes(backing->bdev);
	error = floop_raw_check(&backing->geo, raw, &range);
	if (error == -ENODATA)
		return 0;
	if (error)
		return error;
	if (range.kind != FLOOP_WRITTEN)
		return floop_publish_around_written(backing, &range);

	/*
	 * A fill that has not been finished may have written it: whoever writes to
	 * it now flushes what the file system has to know of it, too.
	 */
	if (unlikely(backing->nr_fills)) {
		atomic64_inc(&backing->dirty_seq);
		smp_mb__after_atomic();	/* as in floop_fill_dirty() */
	}

	return floop_map_set(&backing->map, range.sector, range.nr_sectors,
			     range.kind, range.phys, GFP_NOIO);
}

int floop_source_learn(struct floop_backing *backing, u64 pos, u64 end)
{
	lockdep_assert_held(&backing->fs_lock);

	pos = round_down(pos, backing->geo.align);
	end = min(end, backing->geo.file_len);

	return floop_learn_bmap(backing, pos, end);
}

void floop_source_look_ahead(struct floop_backing *backing, sector_t sector)
{
	u64 pos = (u64)sector << SECTOR_SHIFT;
	u64 len = FLOOP_LOOK_AHEAD * (u64)backing->geo.align;
	struct floop_answer answer;

	/* Not beyond what is not known. */
	answer = floop_map_lookup(&backing->map, sector);
	len = min(len, (u64)answer.nr_sectors << SECTOR_SHIFT);
	floop_source_learn(backing, pos, pos + len);
}

/* The first byte from @pos on that is not known, or the end of the file. */
static u64 floop_first_unknown(struct floop_backing *backing, u64 pos)
{
	sector_t sector = floop_map_first_unknown(&backing->map,
						  pos >> SECTOR_SHIFT);

	return min((u64)sector << SECTOR_SHIFT, backing->geo.file_len);
}

/*
 * FIEMAP from the block before, which is known: if it is written, what follows
 * it lies between two extents. What that leaves is asked for as in the worker.
 */
bool floop_source_preload(struct floop_backing *backing, unsigned long budget)
{
	unsigned long deadline = jiffies + budget;
	u64 block = backing->geo.align;
	u64 pos = 0, next;

	lockdep_assert_held(&backing->fs_lock);

	while (!fatal_signal_pending(current)) {
		pos = floop_first_unknown(backing, pos);
		if (pos >= backing->geo.file_len)
			return true;
		if (time_after_eq(jiffies, deadline) ||
		    READ_ONCE(backing->broken))
			break;
		floop_learn_fiemap(backing, pos ? pos - block : 0);
		next = floop_first_unknown(backing, pos);
		if (next == pos) {
			floop_source_look_ahead(backing, pos >> SECTOR_SHIFT);
			next = floop_first_unknown(backing, pos);
		}
		/* Nobody knows what it is. */
		if (next == pos)
			next += block;
		pos = next;
	}

	return false;
}
