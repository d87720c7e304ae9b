// SPDX-License-Identifier: GPL-2.0-only
/*
 * hog: uses more memory than there is, and checks that it comes back.
 *
 * usage: hog MEBIBYTES SECONDS
 *
 * Each page holds its number and the number of the pass; passes go up and down.
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define PAGE	4096u
#define WORDS	(PAGE / sizeof(uint64_t))

static uint64_t stamp(uint64_t page, uint64_t pass)
{
	return (page << 20 | pass) * 0x9e3779b97f4a7c15u;
}

int main(int argc, char **argv)
{
	uint64_t nr, i, pass;
	uint64_t *memory;
	time_t end;

	if (argc != 3)
		errx(2, "usage: hog MEBIBYTES SECONDS");
	nr = strtoull(argv[1], NULL, 10) << 20 >> 12;
	end = time(NULL) + strtoull(argv[2], NULL, 10);
	memory = mmap(NULL, nr * PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		err(2, "mmap");

	for (pass = 0; pass < 2 || time(NULL) < end; pass++) {
		for (i = 0; i < nr; i++) {
			uint64_t page = pass % 2 ? nr - 1 - i : i;
			uint64_t *word = memory + page * WORDS;
			unsigned int w;

			for (w = 0; w < WORDS; w += 64) {
				if (pass && word[w] != stamp(page, pass - 1) + w)
					errx(1, "page %llu is wrong in pass %llu",
					     (unsigned long long)page,
					     (unsigned long long)pass);
				word[w] = stamp(page, pass) + w;
			}
		}
	}
	printf("%llu MiB, %llu passes\n", (unsigned long long)(nr >> 8),
	       (unsigned long long)pass);
	return 0;
}
