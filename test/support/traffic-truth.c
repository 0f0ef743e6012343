/* SPDX-License-Identifier: Apache-2.0 */
/* JSON lines on standard output, each in one write() so that processes can share it. */
#define _GNU_SOURCE
#include "traffic.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct truth truth;

enum { LINE = 4096 }; /* PIPE_BUF */

void die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs("traffic: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	exit(1);
}

void print_line(const char *format, ...)
{
	char line[LINE];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(line, sizeof(line) - 1, format, arguments);
	va_end(arguments);
	if (length < 0 || length >= (int)sizeof(line) - 1)
		die("a line is too long");
	line[length++] = '\n';
	if (write(STDOUT_FILENO, line, (size_t)length) != length)
		die("standard output is gone");
}

void count_error(_Atomic uint64_t *counts, int error)
{
	if (error <= 0 || error >= MAX_ERRNO)
		die("errno %d is out of range", error);
	counts[error]++;
}

static void quote(char *to, const char *from)
{
	*to++ = '"';
	for (; *from; from++) {
		unsigned char byte = (unsigned char)*from;

		if (byte < 0x20 || byte == 0x7f || byte == '"' || byte == '\\')
			to += sprintf(to, "\\u%04x", byte);
		else
			*to++ = *from;
	}
	*to++ = '"';
	*to = 0;
}

/* {"ECONNREFUSED":3} */
static void errors_text(char *to, const _Atomic uint64_t *counts)
{
	const char *comma = "";

	*to++ = '{';
	for (int error = 1; error < MAX_ERRNO; error++) {
		if (counts[error] == 0)
			continue;
		to += sprintf(to, "%s\"%s\":%lu", comma, strerrorname_np(error), counts[error]);
		comma = ",";
	}
	*to++ = '}';
	*to = 0;
}

static void ports_text(char *to)
{
	const char *comma = "";

	*to++ = '[';
	for (uint32_t i = 0; i < truth.local_ports && i < MAX_PORTS; i++) {
		to += sprintf(to, "%s%u", comma, truth.local_port[i]);
		comma = ",";
	}
	*to++ = ']';
	*to = 0;
}

static uint64_t realtime_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void print_truth(const char *role, bool is_final)
{
	char name[16], quoted[128], failed[1024], interrupted[1024], ports[512];
	struct stat netns;

	if (prctl(PR_GET_NAME, name) || stat("/proc/self/ns/net", &netns))
		die("own name or network namespace: %m");
	quote(quoted, name);
	errors_text(failed, truth.failed);
	errors_text(interrupted, truth.interrupted);
	ports_text(ports);
	print_line(
		"{\"type\":\"truth\",\"role\":\"%s\",\"final\":%s,\"time_ns\":\"%lu\",\"pid\":%d,"
		"\"name\":%s,\"netns\":%lu,\"opened\":%lu,\"closed\":%lu,\"failed\":%s,"
		"\"abandoned\":%lu,\"interrupted\":%s,\"bytes_sent\":%lu,\"bytes_received\":%lu,"
		"\"local_ports\":%s}",
		role, is_final ? "true" : "false", realtime_ns(), getpid(), quoted, netns.st_ino,
		truth.opened, truth.closed, failed, truth.abandoned, interrupted, truth.bytes_sent,
		truth.bytes_received, ports);
}
