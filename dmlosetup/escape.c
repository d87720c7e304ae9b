// SPDX-License-Identifier: GPL-2.0-only
#include "escape.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

static bool is_plain(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
		(c >= 'a' && c <= 'z') || c == ':' || c == '_' || c == '.';
}

char *escape(const char *s)
{
	char *buf = xrealloc(NULL, 4 * strlen(s) + 1), *out = buf;

	for (; *s; s++) {
		if (*s == '/')
			*out++ = '-';
		else if (is_plain(*s) && (*s != '.' || out != buf))
			*out++ = *s;
		else
			out += sprintf(out, "\\x%02x", (unsigned char)*s);
	}
	*out = '\0';
	return buf;
}

char *escape_path(const char *path)
{
	char *s = xstrdup(path), *in, *out = s, *escaped;

	for (in = s; *in; in++)
		if (*in != '/' || (out != s && in[1] && in[1] != '/'))
			*out++ = *in;
	*out = '\0';
	escaped = escape(s);
	free(s);
	return escaped;
}
