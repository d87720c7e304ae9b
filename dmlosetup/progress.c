// SPDX-License-Identifier: GPL-2.0-only
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "size.h"

#define BAR_WIDTH	40

bool progress_is_seen(void)
{
	return isatty(STDERR_FILENO);
}

void progress_draw(const char *what, uint64_t done, uint64_t all)
{
	char bar[BAR_WIDTH + 1], now[SIZE_STRING], whole[SIZE_STRING];
	double part = (double)done / all;
	size_t n = part * BAR_WIDTH;

	memset(bar, '.', BAR_WIDTH);
	memset(bar, '#', n);
	bar[BAR_WIDTH] = '\0';
	size_format(done, now);
	size_format(all, whole);
	fprintf(stderr, "\r%s: [%s] %3.0f%% %s/%s\033[K", what, bar, part * 100,
		now, whole);
	/* Lines are what is written by itself, and this is none yet. */
	fflush(stderr);
}

void progress_clear(void)
{
	fputs("\r\033[K", stderr);
	fflush(stderr);
}
