/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stamp: sectors that say what they are, so that whoever reads one can tell
 * which sector it is, which write it comes from, and that it is whole.
 */
#ifndef FASTLOOP_TEST_STAMP_H
#define FASTLOOP_TEST_STAMP_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define SECTOR 512
#define STAMP_WORDS (SECTOR / 8)
#define STAMP_MAGIC 0x706d6174734c4646ull

static inline uint64_t stamp_mix(uint64_t sector, uint64_t seq)
{
	uint64_t x = sector * 0x9e3779b97f4a7c15ull + seq;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	return x ^ (x >> 27);
}

static inline void stamp_write(void *buf, uint64_t sector, uint64_t seq)
{
	uint64_t *word = buf, x = stamp_mix(sector, seq);
	int i;

	word[0] = STAMP_MAGIC;
	word[1] = sector;
	word[2] = seq;
	for (i = 3; i < STAMP_WORDS; i++)
		word[i] = x += 0xd1342543de82ef95ull;
}

/* Every byte is @byte. */
static inline int stamp_is_all(const void *buf, unsigned char byte)
{
	const unsigned char *p = buf;

	return p[0] == byte && !memcmp(p, p + 1, SECTOR - 1);
}

/* Returns the sequence number, 0 for a sector of zeroes, -1 for anything that
 * was never written to this sector as a whole.
 */
static inline int64_t stamp_read(const void *buf, uint64_t sector)
{
	const uint64_t *word = buf;
	uint64_t want[STAMP_WORDS];

	if (stamp_is_all(buf, 0))
		return 0;
	if (word[0] != STAMP_MAGIC || word[1] != sector || !word[2])
		return -1;
	stamp_write(want, sector, word[2]);
	return memcmp(buf, want, SECTOR) ? -1 : (int64_t)word[2];
}

/* What a sector seems to be, for a message. */
static inline void stamp_describe(char *out, size_t size, const void *buf)
{
	const uint64_t *word = buf;
	const unsigned char *p = buf;
	uint64_t want[STAMP_WORDS];

	if (stamp_is_all(buf, p[0])) {
		snprintf(out, size, "512 times 0x%02x", p[0]);
	} else if (word[0] == STAMP_MAGIC) {
		stamp_write(want, word[1], word[2]);
		snprintf(out, size, "%s stamp of sector %llu, write %llu",
			 memcmp(buf, want, SECTOR) ? "a torn" : "the",
			 (unsigned long long)word[1],
			 (unsigned long long)word[2]);
	} else {
		snprintf(out, size, "%016llx %016llx…",
			 (unsigned long long)word[0],
			 (unsigned long long)word[1]);
	}
}

#endif
