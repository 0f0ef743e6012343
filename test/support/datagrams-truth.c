/* SPDX-License-Identifier: Apache-2.0 */
/* JSON lines on standard output. */
#define _GNU_SOURCE
#include "datagrams.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct truth truth;

void die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs("datagrams: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	exit(1);
}

/* CLOCK_REALTIME, as the times of records are. */
uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void count_error(struct result *result, int error)
{
	if (error <= 0 || error >= MAX_ERRNO)
		die("errno %d is out of range", error);
	truth.failed[error]++;
	result->error = error;
}

void print_truth(void)
{
	const char *comma = "";
	struct stat netns;

	if (stat("/proc/self/ns/net", &netns))
		die("/proc/self/ns/net: %m");
	printf("{\"type\":\"truth\",\"pid\":%d,\"netns\":%lu,"
	       "\"datagrams_sent\":%lu,\"bytes_sent\":%lu,"
	       "\"datagrams_received\":%lu,\"bytes_received\":%lu,\"failed\":{",
	       getpid(), netns.st_ino, truth.datagrams_sent, truth.bytes_sent,
	       truth.datagrams_received, truth.bytes_received);
	for (int error = 1; error < MAX_ERRNO; error++) {
		if (truth.failed[error] == 0)
			continue;
		printf("%s\"%s\":%lu", comma, strerrorname_np(error), truth.failed[error]);
		comma = ",";
	}
	puts("}}");
	fflush(stdout);
}

/* "key":"ADDRESS","key_port":PORT */
static void print_address(const char *key, const struct address *address)
{
	const struct sockaddr_in *four = (const struct sockaddr_in *)&address->storage;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&address->storage;
	bool is_four = address->storage.ss_family == AF_INET;
	const void *bytes = is_four ? (const void *)&four->sin_addr : (const void *)&six->sin6_addr;
	char text[INET6_ADDRSTRLEN];

	if (!address->length || address->storage.ss_family == AF_UNSPEC) {
		printf("\"%s\":null,\"%s_port\":null,", key, key);
		return;
	}
	inet_ntop(address->storage.ss_family, bytes, text, sizeof(text));
	printf("\"%s\":\"%s\",\"%s_port\":%d,", key, text, key,
	       ntohs(is_four ? four->sin_port : six->sin6_port));
}

void print_result(const char *op, const struct result *result, uint64_t before_ns)
{
	struct address local = {.length = sizeof(local.storage)};
	char error[32] = "null";

	if (result->socket < 0 ||
	    getsockname(result->socket, (struct sockaddr *)&local.storage, &local.length))
		local.length = 0;
	if (result->error)
		snprintf(error, sizeof(error), "\"%s\"", strerrorname_np(result->error));
	printf("{\"type\":\"done\",\"op\":\"%s\",\"datagrams\":%lu,\"bytes\":%lu,\"error\":%s,", op,
	       result->datagrams, result->bytes, error);
	print_address("local", &local);
	print_address("peer", &result->peer);
	printf("\"before_ns\":\"%lu\",\"after_ns\":\"%lu\"}\n", before_ns, now_ns());
	fflush(stdout);
}
