// SPDX-License-Identifier: GPL-2.0-only
/*
 * path_arg: decode on the way in, encode on the way out; see path_arg.h.
 */
#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "path_arg.h"

#define FLOOP_ENCODED	'%'

static const char *floop_percent_decode(char *arg)
{
	const char *in = arg;
	char *out = arg;
	int high, low;

	while (*in) {
		if (*in != FLOOP_ENCODED) {
			*out++ = *in++;
			continue;
		}
		high = hex_to_bin(in[1]);
		if (high < 0)
			return "path: % must be followed by two hexadecimal digits";
		low = hex_to_bin(in[2]);
		if (low < 0)
			return "path: % must be followed by two hexadecimal digits";
		if (!high && !low)
			return "path: %00 cannot be part of a path";
		*out++ = high << 4 | low;
		in += 3;
	}
	*out = '\0';
	return NULL;
}

const char *floop_path_decode(char *arg)
{
	const char *error;

	if (*arg == FLOOP_ENCODED) {
		/* The one that marks the spelling is not part of the path. */
		memmove(arg, arg + 1, strlen(arg));
		error = floop_percent_decode(arg);
		if (error)
			return error;
	}
	if (*arg != '/')
		return "path: not absolute; it must start with /";
	return NULL;
}

/* Not iscntrl(): the bytes of UTF-8 letters must not count, in any kernel. */
static bool floop_is_control(unsigned char c)
{
	return c < ' ' || c == 0x7f;
}

/*
 * White space as dm splits at it: isspace(), which includes byte 0xA0. What
 * libdm doubles. What begins a comment for dmsetup.
 */
static bool floop_must_quote(unsigned char c)
{
	return isspace(c) || c == '\\' || c == '#';
}

/* Counts every byte, writes those that fit and leaves room for a NUL. */
struct floop_text {
	char *buf;
	size_t size;
	size_t len;
};

static void floop_text_put(struct floop_text *text, char c)
{
	if (text->len + 1 < text->size)
		text->buf[text->len] = c;
	text->len++;
}

static size_t floop_text_end(struct floop_text *text)
{
	if (text->size)
		text->buf[min(text->len, text->size - 1)] = '\0';
	return text->len;
}

/* All bytes of letters beyond ASCII: half of one would be no text. */
static bool floop_must_encode(unsigned char c)
{
	return floop_must_quote(c) || floop_is_control(c) ||
	       c == FLOOP_ENCODED || !isascii(c);
}

static void floop_put_encoded(struct floop_text *text, const char *path)
{
	floop_text_put(text, FLOOP_ENCODED);
	for (; *path; path++) {
		if (floop_must_encode(*path)) {
			floop_text_put(text, FLOOP_ENCODED);
			floop_text_put(text, hex_asc_upper_hi(*path));
			floop_text_put(text, hex_asc_upper_lo(*path));
		} else {
			floop_text_put(text, *path);
		}
	}
}

size_t floop_path_encode(char *buf, size_t size, const char *path)
{
	struct floop_text text = { .buf = buf, .size = size };
	const char *c;

	for (c = path; *c && !floop_must_quote(*c) && !floop_is_control(*c); c++)
		;
	if (*c) {
		floop_put_encoded(&text, path);
	} else {
		while (*path)
			floop_text_put(&text, *path++);
	}
	return floop_text_end(&text);
}
