/* SPDX-License-Identifier: Apache-2.0 */
/* How sockets begin and end. */
#define _GNU_SOURCE
#include "puppet.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

unsigned address_of(const char *text, long port, struct sockaddr_storage *to)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)to;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)to;

	memset(to, 0, sizeof(*to));
	if (strcmp(text, "none") == 0)
		return sizeof(*v4); /* AF_UNSPEC */
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, text, &v6->sin6_addr) != 1)
		puppet_die(text);
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons((uint16_t)port);
	return sizeof(*v6);
}

static long do_socket(struct puppet *self, struct call *call)
{
	static const struct {
		const char *name;
		int family, type, protocol;
	} kinds[] = {
		{"tcp4", AF_INET, SOCK_STREAM, 0},
		{"tcp6", AF_INET6, SOCK_STREAM, 0},
		{"udp4", AF_INET, SOCK_DGRAM, 0},
		{"mptcp4", AF_INET, SOCK_STREAM, IPPROTO_MPTCP},
	};

	(void)self;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, word(call, 1)) == 0)
			return socket(kinds[i].family, kinds[i].type, kinds[i].protocol);
	errno = EINVAL;
	return -1;
}

static long do_bind(struct puppet *self, struct call *call)
{
	struct sockaddr_storage own;
	socklen_t length = address_of(word(call, 2), number(call, 3), &own);

	(void)self;
	return bind((int)number(call, 1), (struct sockaddr *)&own, length);
}

static long do_listen(struct puppet *self, struct call *call)
{
	(void)self;
	return listen((int)number(call, 1), (int)number(call, 2));
}

static long do_connect(struct puppet *self, struct call *call)
{
	struct sockaddr_storage peer;
	socklen_t length = address_of(word(call, 2), number(call, 3), &peer);

	(void)self;
	return connect((int)number(call, 1), (struct sockaddr *)&peer, length);
}

static long do_accept(struct puppet *self, struct call *call)
{
	struct sockaddr_in6 peer;
	socklen_t length = sizeof(peer);
	int fd = accept((int)number(call, 1), (struct sockaddr *)&peer, &length);

	(void)self;
	if (fd >= 0) /* the port has the same place in IPv4 */
		sprintf(call->more, ",\"port\":%u", ntohs(peer.sin6_port));
	return fd;
}

/* The result is the port. */
static long do_local_port(struct puppet *self, struct call *call)
{
	struct sockaddr_in6 own;
	socklen_t length = sizeof(own);

	(void)self;
	if (getsockname((int)number(call, 1), (struct sockaddr *)&own, &length))
		return -1;
	return ntohs(own.sin6_port);
}

/* Until the socket is writable or readable. */
static long do_poll(struct puppet *self, struct call *call)
{
	short events = strcmp(word(call, 2), "out") == 0 ? POLLOUT : POLLIN;
	struct pollfd wait = {.fd = (int)number(call, 1), .events = events};

	(void)self;
	return poll(&wait, 1, -1);
}

/* Fails with what is in SO_ERROR. */
static long do_error(struct puppet *self, struct call *call)
{
	socklen_t length = sizeof(int);
	int error = 0;

	(void)self;
	if (getsockopt((int)number(call, 1), SOL_SOCKET, SO_ERROR, &error, &length))
		return -1;
	errno = error;
	return error ? -1 : 0;
}

static long do_shutdown(struct puppet *self, struct call *call)
{
	(void)self;
	return shutdown((int)number(call, 1), SHUT_WR);
}

static long do_close(struct puppet *self, struct call *call)
{
	(void)self;
	return close((int)number(call, 1));
}

static long do_dup(struct puppet *self, struct call *call)
{
	(void)self;
	return dup((int)number(call, 1));
}

/* set FD NAME VALUE */
static long do_set(struct puppet *self, struct call *call)
{
	static const struct {
		const char *name;
		int level, option;
	} known[] = {
		{"reuseport", SOL_SOCKET, SO_REUSEPORT},
		{"reuseaddr", SOL_SOCKET, SO_REUSEADDR},
		{"sndbuf", SOL_SOCKET, SO_SNDBUF},
		{"rcvbuf", SOL_SOCKET, SO_RCVBUF},
		{"fastopen", IPPROTO_TCP, TCP_FASTOPEN},
		{"fastopen_connect", IPPROTO_TCP, TCP_FASTOPEN_CONNECT},
		{"user_timeout", IPPROTO_TCP, TCP_USER_TIMEOUT},
	};
	int fd = (int)number(call, 1), value = (int)number(call, 3);

	(void)self;
	if (strcmp(word(call, 2), "nonblock") == 0)
		return fcntl(fd, F_SETFL, value ? O_NONBLOCK : 0);
	if (strcmp(word(call, 2), "send_timeout_us") == 0) {
		struct timeval timeout = {.tv_usec = value};

		return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	}
	if (strcmp(word(call, 2), "linger") == 0) {
		struct linger linger = {.l_onoff = 1, .l_linger = value};

		return setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	}
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i].name, word(call, 2)) == 0)
			return setsockopt(fd, known[i].level, known[i].option, &value,
					  sizeof(value));
	errno = EINVAL;
	return -1;
}

/* The kernel's struct tcp_info, as far as tests compare it. */
static long do_info(struct puppet *self, struct call *call)
{
	struct tcp_info info;
	socklen_t length = sizeof(info);

	(void)self;
	if (getsockopt((int)number(call, 1), IPPROTO_TCP, TCP_INFO, &info, &length))
		return -1;
	sprintf(call->more, ",\"rtt\":%u,\"rttvar\":%u,\"retransmits\":%u", info.tcpi_rtt,
		info.tcpi_rttvar, info.tcpi_total_retrans);
	return 0;
}

const struct command socket_commands[] = {
	{"socket", do_socket},	   {"bind", do_bind},
	{"listen", do_listen},	   {"connect", do_connect},
	{"accept", do_accept},	   {"local_port", do_local_port},
	{"poll", do_poll},	   {"error", do_error},
	{"shutdown", do_shutdown}, {"close", do_close},
	{"dup", do_dup},	   {"set", do_set},
	{"info", do_info},	   {},
};
