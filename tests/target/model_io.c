// SPDX-License-Identifier: GPL-2.0-only
/*
 * model_io: random I/O to a block device, checked against a model of it.
 *
 * The model is a file that holds, from --base on, what the device has to hold:
 * anything at all, unlike hammer's stamps. Every write goes to both, every read
 * is compared, and in the end all of the device is. Bytes written are neither 0
 * nor 0xa5, so lost and stale data show as what they are.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static const char usage[] =
"usage: model_io [OPTION]… DEVICE MODEL\n"
"  -o BYTES   where the device begins in the model (0)\n"
"  -f BYTES   touch nothing of the device before this\n"
"  -n COUNT   so many I/Os (300)\n"
"  -l BYTES   the largest (65536)\n"
"  -w PERCENT writes (70)\n"
"  -y COUNT   fsync every so many writes, and RWF_DSYNC as often (50)\n"
"  -a BYTES   buffers begin at any multiple of this (4096)\n"
"  -v COUNT   buffers of one I/O, at most (1)\n"
"  -N         try each with RWF_NOWAIT first\n"
"  -S SEED    of the random numbers (1)\n"
"Prints how many I/Os would have had to wait, with -N.\n";

#define PAGE 4096u
#define MAX_VECTORS 1024

static const char *device;
static int fd;
static uint64_t base, first, size;
static uint32_t block = 512, largest = 65536, buffer_align = PAGE;
static unsigned int count = 300, write_percent = 70, sync_every = 50;
static unsigned int max_vectors = 1, would_block;
static bool nowait;
static unsigned char *model, *arena;
static size_t arena_size;
static struct iovec iov[MAX_VECTORS];
static int nr_iov;
static uint64_t rnd_state;

static uint64_t rnd(uint64_t below)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return (rnd_state >> 8) % below;
}

/* Pieces of memory, as many and as odd as asked for, none of which overlap. */
static void choose_buffers(uint32_t length)
{
	size_t at = 0;

	for (nr_iov = 0; length; nr_iov++) {
		uint32_t left = length / block;
		uint32_t n = length;

		at = (at + PAGE - 1) / PAGE * PAGE;
		at += rnd(PAGE / buffer_align) * buffer_align;
		if (nr_iov + 1 < (int)max_vectors)
			n = (1 + rnd(left < 8 ? left : 8)) * block;
		if (at + n > arena_size)
			errx(1, "the arena is too small");
		iov[nr_iov] = (struct iovec){ arena + at, n };
		at += n;
		length -= n;
	}
}

/* The I/O was done as far as @done: what remains of the buffers. */
static void trim_buffers(size_t done)
{
	int i = 0;

	while (done >= iov[i].iov_len)
		done -= iov[i++].iov_len;
	memmove(iov, iov + i, (nr_iov - i) * sizeof(*iov));
	nr_iov -= i;
	iov[0].iov_base = (char *)iov[0].iov_base + done;
	iov[0].iov_len -= done;
}

static void transfer(bool write, uint64_t pos, size_t length, int flags)
{
	struct iovec all[MAX_VECTORS];
	int nr_all = nr_iov;

	memcpy(all, iov, nr_iov * sizeof(*iov));
	if (nowait)
		flags |= RWF_NOWAIT;
	while (length) {
		ssize_t n = write ? pwritev2(fd, iov, nr_iov, pos, flags) :
				    preadv2(fd, iov, nr_iov, pos, flags);

		if (n < 0 && errno == EAGAIN && flags & RWF_NOWAIT) {
			would_block++;
			flags &= ~RWF_NOWAIT;
			continue;
		}
		if (n <= 0)
			err(1, "%s: %s of %zu bytes at %llu", device,
			    write ? "write" : "read", length,
			    (unsigned long long)pos);
		length -= n;
		pos += n;
		if (length)
			trim_buffers(n);
	}
	memcpy(iov, all, nr_all * sizeof(*iov));
	nr_iov = nr_all;
}

static void model_write(uint64_t pos, uint32_t length)
{
	unsigned char *m = model + base + pos;
	uint32_t i;
	int v;

	for (i = 0; i < length; i++) {
		m[i] = rnd(256);
		if (m[i] == 0 || m[i] == 0xa5)
			m[i] = 0x5a;
	}
	choose_buffers(length);
	for (v = 0; v < nr_iov; m += iov[v++].iov_len)
		memcpy(iov[v].iov_base, m, iov[v].iov_len);
	transfer(true, pos, length,
		 sync_every && !rnd(sync_every) ? RWF_DSYNC : 0);
	if (sync_every && !rnd(sync_every) && fsync(fd))
		err(1, "%s: fsync", device);
}

static void complain(uint64_t pos, const unsigned char *got,
		     const unsigned char *want, size_t length)
{
	size_t i, j;

	for (i = 0; got[i] == want[i]; i++)
		;
	fprintf(stderr, "%s: byte %llu: wanted", device,
		(unsigned long long)pos + i);
	for (j = i; j < i + 16 && j < length; j++)
		fprintf(stderr, " %02x", want[j]);
	fprintf(stderr, ", got");
	for (j = i; j < i + 16 && j < length; j++)
		fprintf(stderr, " %02x", got[j]);
	fprintf(stderr, "\n");
	exit(1);
}

static void model_read(uint64_t pos, uint32_t length)
{
	const unsigned char *m = model + base + pos;
	int v;

	choose_buffers(length);
	for (v = 0; v < nr_iov; v++)
		memset(iov[v].iov_base, 0xa5, iov[v].iov_len);
	transfer(false, pos, length, 0);
	for (v = 0; v < nr_iov; pos += iov[v].iov_len, m += iov[v++].iov_len)
		if (memcmp(iov[v].iov_base, m, iov[v].iov_len))
			complain(pos, iov[v].iov_base, m, iov[v].iov_len);
}

static void one(void)
{
	uint64_t blocks = (size - first) / block;
	uint32_t most = largest / block, n;
	unsigned int bits = 0;

	if (most > blocks)
		most = blocks;
	while (most >> (bits + 1))
		bits++;
	/* As many small ones as large ones. */
	n = 1u << rnd(bits + 1);
	n += rnd(n);
	if (n > most)
		n = most;
	if (rnd(100) < write_percent)
		model_write(first + rnd(blocks - n + 1) * block, n * block);
	else
		model_read(first + rnd(blocks - n + 1) * block, n * block);
}

static void check_all(void)
{
	uint64_t pos;

	max_vectors = 1;
	nowait = false;
	for (pos = 0; pos < size; pos += largest)
		model_read(pos, size - pos < largest ? size - pos : largest);
}

static void open_all(const char *model_name)
{
	int model_fd = open(model_name, O_RDWR);
	struct stat st;
	int bs;

	fd = open(device, O_RDWR | O_DIRECT);
	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &size) || ioctl(fd, BLKSSZGET, &bs))
		err(1, "%s", device);
	block = bs;
	largest = (largest + block - 1) / block * block;
	if (model_fd < 0 || fstat(model_fd, &st))
		err(1, "%s", model_name);
	if ((uint64_t)st.st_size < base + size)
		errx(1, "%s is smaller than the device", model_name);
	model = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		     model_fd, 0);
	arena_size = largest + (max_vectors + 1) * 3 * PAGE +
		     (size_t)max_vectors * 8 * block;
	arena = mmap(NULL, arena_size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (model == MAP_FAILED || arena == MAP_FAILED)
		err(1, "mmap");
	/* Makes for the largest bios. */
	madvise(arena, arena_size, MADV_HUGEPAGE);
}

int main(int argc, char **argv)
{
	uint64_t seed = 1;
	unsigned int i;
	int opt;

	while ((opt = getopt(argc, argv, "o:f:n:l:w:y:a:v:NS:")) != -1) {
		switch (opt) {
		case 'o': base = strtoull(optarg, NULL, 0); break;
		case 'f': first = strtoull(optarg, NULL, 0); break;
		case 'n': count = strtoul(optarg, NULL, 0); break;
		case 'l': largest = strtoul(optarg, NULL, 0); break;
		case 'w': write_percent = strtoul(optarg, NULL, 0); break;
		case 'y': sync_every = strtoul(optarg, NULL, 0); break;
		case 'a': buffer_align = strtoul(optarg, NULL, 0); break;
		case 'v': max_vectors = strtoul(optarg, NULL, 0); break;
		case 'N': nowait = true; break;
		case 'S': seed = strtoull(optarg, NULL, 0); break;
		default: fputs(usage, stderr); return 2;
		}
	}
	if (argc - optind != 2 || max_vectors < 1 || max_vectors > MAX_VECTORS ||
	    !buffer_align || PAGE % buffer_align) {
		fputs(usage, stderr);
		return 2;
	}
	device = argv[optind];
	rnd_state = (seed + 1) * 0x9e3779b97f4a7c15ull;
	open_all(argv[optind + 1]);
	for (i = 0; i < count; i++)
		one();
	if (nowait)
		printf("would_block:%u of %u\n", would_block, count);
	check_all();
	return 0;
}
