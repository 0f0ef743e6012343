/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets: opened, bound, connected, closed. */
#define _GNU_SOURCE
#include "datagrams.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static int sockets[MAX_SOCKETS];
static int socket_count;

int number(const char *word, int least, int most)
{
	char *end;
	long value = strtol(word, &end, 10);

	if (*end || end == word || value < least || value > most)
		die("%s is no number from %d to %d", word, least, most);
	return (int)value;
}

int socket_at(const char *word)
{
	return sockets[number(word, 0, socket_count - 1)];
}

/* A receive that waits in vain fails with EAGAIN, so that no test waits for ever. */
int keep(int fd)
{
	struct timeval timeout = {.tv_sec = TIMEOUT_S};

	if (fd < 0)
		die("socket: %m");
	if (socket_count == MAX_SOCKETS)
		die("too many sockets");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	sockets[socket_count++] = fd;
	return fd;
}

struct address address_for(int fd, const char *text, const char *port)
{
	struct address address = {};
	struct sockaddr_in *four = (struct sockaddr_in *)&address.storage;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&address.storage;
	int family;
	socklen_t size = sizeof(family);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size))
		die("SO_DOMAIN: %m");
	address.storage.ss_family = (sa_family_t)family;
	address.length = family == AF_INET ? sizeof(*four) : sizeof(*six);
	if (inet_pton(family, text,
		      family == AF_INET ? (void *)&four->sin_addr : (void *)&six->sin6_addr) != 1)
		die("%s is no address of this socket's family", text);
	four->sin_port = htons((uint16_t)number(port, 0, 65535)); /* at the same place in both */
	return address;
}

void op_open(const struct words *words, struct result *result)
{
	int family = strcmp(words->at[1], "inet6") == 0 ? AF_INET6 : AF_INET;
	const char *kind = words->count > 2 ? words->at[2] : "udp";
	bool raw = strcmp(kind, "raw") == 0;
	int protocol = strcmp(kind, "udplite") == 0 ? IPPROTO_UDPLITE : IPPROTO_UDP;
	int fd = socket(family, (raw ? SOCK_RAW : SOCK_DGRAM) | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		count_error(result, errno); /* UDP-Lite is gone from newer kernels */
	else
		result->socket = keep(fd);
}

void op_bind(const struct words *words, struct result *result)
{
	int fd = result->socket = socket_at(words->at[1]);
	struct address address = address_for(fd, words->at[2], words->at[3]);

	if (bind(fd, (struct sockaddr *)&address.storage, address.length))
		count_error(result, errno);
}

void op_connect(const struct words *words, struct result *result)
{
	int fd = result->socket = socket_at(words->at[1]);

	result->peer = address_for(fd, words->at[2], words->at[3]);
	if (connect(fd, (struct sockaddr *)&result->peer.storage, result->peer.length))
		count_error(result, errno);
}

void op_disconnect(const struct words *words, struct result *result)
{
	struct sockaddr nobody = {.sa_family = AF_UNSPEC};

	result->socket = socket_at(words->at[1]);
	if (connect(result->socket, &nobody, sizeof(nobody)))
		count_error(result, errno);
}

void op_set(const struct words *words, struct result *result)
{
	int fd = result->socket = socket_at(words->at[1]);
	int value = number(words->at[3], 0, 1 << 30);
	int level = SOL_SOCKET, name;

	if (strcmp(words->at[2], "reuseport") == 0) {
		name = SO_REUSEPORT;
	} else if (strcmp(words->at[2], "receive-buffer") == 0) {
		name = SO_RCVBUFFORCE;
	} else if (strcmp(words->at[2], "segment") == 0) {
		level = SOL_UDP;
		name = UDP_SEGMENT;
	} else {
		die("no such option: %s", words->at[2]);
	}
	if (setsockopt(fd, level, name, &value, sizeof(value)))
		die("%s: %m", words->at[2]);
}

/* Of an unconnected socket it fails, and wakes who waits for a datagram all the same. */
void op_shutdown(const struct words *words, struct result *result)
{
	result->socket = socket_at(words->at[1]);
	if (shutdown(result->socket, SHUT_RDWR))
		count_error(result, errno);
}

void op_close(const struct words *words, struct result *result)
{
	if (close(socket_at(words->at[1])))
		count_error(result, errno);
}
