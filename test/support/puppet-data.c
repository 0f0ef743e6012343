/* SPDX-License-Identifier: Apache-2.0 */
/* Moving bytes. Results are those of the calls. */
#define _GNU_SOURCE
#include "puppet.h"
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK = 65536 };

static int flags_of(const struct call *call, unsigned index)
{
	const char *name = call->words[index];

	if (!name)
		return 0;
	if (strcmp(name, "peek") == 0)
		return MSG_PEEK;
	if (strcmp(name, "waitall") == 0)
		return MSG_WAITALL;
	if (strcmp(name, "dontwait") == 0)
		return MSG_DONTWAIT;
	if (strcmp(name, "fastopen") == 0)
		return MSG_FASTOPEN;
	puppet_die(name);
}

/* send FD COUNT [dontwait]: one call */
static long do_send(struct puppet *self, struct call *call)
{
	size_t count = (size_t)number(call, 2);
	char *from = mmap(NULL, count, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long sent;

	(void)self;
	if (from == MAP_FAILED)
		return -1;
	sent = send((int)number(call, 1), from, count, MSG_NOSIGNAL | flags_of(call, 3));
	munmap(from, count); /* errno stays */
	return sent;
}

/* send_to FD COUNT ADDRESS PORT [fastopen] */
static long do_send_to(struct puppet *self, struct call *call)
{
	struct sockaddr_storage peer;
	socklen_t length = address_of(word(call, 3), number(call, 4), &peer);
	static const char payload[CHUNK];

	(void)self;
	return sendto((int)number(call, 1), payload, (size_t)number(call, 2),
		      MSG_NOSIGNAL | flags_of(call, 5), (struct sockaddr *)&peer, length);
}

/* recv FD COUNT [peek|waitall|dontwait]: one call */
static long do_recv(struct puppet *self, struct call *call)
{
	char taken[CHUNK];

	(void)self;
	return recv((int)number(call, 1), taken, (size_t)number(call, 2), flags_of(call, 3));
}

/* recv_all FD COUNT: until there are so many, or the other side has ended */
static long do_recv_all(struct puppet *self, struct call *call)
{
	long wanted = number(call, 2), sum = 0;
	char taken[CHUNK];

	(void)self;
	while (sum < wanted) {
		size_t most = wanted - sum < CHUNK ? (size_t)(wanted - sum) : CHUNK;
		ssize_t count = recv((int)number(call, 1), taken, most, 0);

		if (count < 0)
			return -1;
		if (count == 0)
			break;
		sum += count;
	}
	return sum;
}

/* send_file FD COUNT LENGTH: of a file of that length, from its beginning */
static long do_send_file(struct puppet *self, struct call *call)
{
	int file = memfd_create("payload", MFD_CLOEXEC);
	off_t start = 0;
	long sent;

	(void)self;
	if (file < 0 || ftruncate(file, number(call, 3)))
		return -1;
	sent = sendfile((int)number(call, 1), file, &start, (size_t)number(call, 2));
	close(file);
	return sent;
}

/* send_bad FD COUNT: COUNT bytes, of which only the first page can be read */
static long do_send_bad(struct puppet *self, struct call *call)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *pages = mmap(NULL, 2 * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)self;
	if (pages == MAP_FAILED || mprotect(pages + page, page, PROT_NONE))
		return -1;
	return send((int)number(call, 1), pages, (size_t)number(call, 2), MSG_NOSIGNAL);
}

const struct command data_commands[] = {
	{"send", do_send},
	{"send_to", do_send_to},
	{"recv", do_recv},
	{"recv_all", do_recv_all},
	{"send_file", do_send_file},
	{"send_bad", do_send_bad},
	{},
};
