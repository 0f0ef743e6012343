/* SPDX-License-Identifier: Apache-2.0 */
/* The loads: what the two sides do. */
#include "pace.h"
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static _Thread_local char buffer[MAX_MESSAGE];

static void send_all(int fd, size_t amount)
{
	while (amount > 0) {
		ssize_t size = send(fd, buffer, amount, MSG_NOSIGNAL);

		if (size <= 0)
			die("send");
		amount -= (size_t)size;
	}
}

/* False at the end of the stream. */
static bool receive_all(int fd, size_t amount)
{
	ssize_t size = recv(fd, buffer, amount, MSG_WAITALL);

	if (size < 0 && errno != ECONNRESET)
		die("recv");
	return size == (ssize_t)amount;
}

static int open_connection(const struct sockaddr_in *address)
{
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)))
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

/* When operation `index` is due, at an even rate; waits for it. */
static uint64_t wait_until_due(uint64_t start, unsigned index)
{
	uint64_t due;
	struct timespec at;

	if (!options.rate)
		return now_ns();
	due = start + (uint64_t)index * 1000000000 * options.threads / options.rate;
	at = (struct timespec){.tv_sec = (time_t)(due / 1000000000),
			       .tv_nsec = (long)(due % 1000000000)};
	if (now_ns() < due)
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, 0);
	return due;
}

/* connect: a connection, a request, a response, and its end. */
static void serve_connections(int listener)
{
	for (;;) {
		int fd = accept(listener, 0, 0);

		if (fd < 0)
			die("accept");
		if (receive_all(fd, options.request)) {
			send_all(fd, options.response);
			receive_all(fd, 1); /* the client closes first */
		}
		close(fd);
	}
}

static uint64_t run_connections(const struct sockaddr_in *address, unsigned count,
				uint64_t *latencies)
{
	uint64_t start = now_ns();

	for (unsigned i = 0; i < count; i++) {
		uint64_t due = wait_until_due(start, i);
		int fd = open_connection(address);

		send_all(fd, options.request);
		if (!receive_all(fd, options.response))
			die("the response");
		close(fd);
		latencies[i] = now_ns() - due;
	}
	return start;
}

/* message: requests and responses, on one connection after the other, all of which stay open. */
static void serve_messages(int listener)
{
	int epoll = epoll_create1(0);
	struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, ready[64];

	epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
	for (;;) {
		int found = epoll_wait(epoll, ready, 64, -1);

		for (int i = 0; i < found; i++) {
			int fd = ready[i].data.fd;

			if (fd == listener) {
				event.data.fd = accept(listener, 0, 0);
				epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
			} else if (receive_all(fd, options.request)) {
				send_all(fd, options.response);
			} else {
				close(fd);
			}
		}
	}
}

static uint64_t run_messages(const struct sockaddr_in *address, unsigned count, uint64_t *latencies)
{
	static _Thread_local int fds[MAX_CONNECTIONS];
	uint64_t start;

	for (unsigned i = 0; i < options.connections; i++)
		fds[i] = open_connection(address);
	start = now_ns();
	for (unsigned i = 0; i < count; i++) {
		uint64_t due = wait_until_due(start, i);
		int fd = fds[i % options.connections];

		send_all(fd, options.request);
		receive_all(fd, options.response);
		latencies[i] = now_ns() - due;
	}
	return start;
}

/* bulk: one connection, and as much as goes. */
static void serve_bulk(int listener)
{
	int fd = accept(listener, 0, 0);

	while (recv(fd, buffer, MAX_MESSAGE, 0) > 0)
		;
	send_all(fd, 1);
}

static uint64_t run_bulk(const struct sockaddr_in *address, unsigned count, uint64_t *latencies)
{
	int fd = open_connection(address);
	uint64_t start = now_ns();

	for (unsigned i = 0; i < count; i++) {
		uint64_t begin = now_ns();

		send_all(fd, MAX_MESSAGE);
		latencies[i] = now_ns() - begin;
	}
	shutdown(fd, SHUT_WR);
	receive_all(fd, 1);
	return start;
}

static void serve_datagrams(int fd)
{
	struct sockaddr_in from;

	for (;;) {
		socklen_t length = sizeof(from);
		ssize_t size =
			recvfrom(fd, buffer, MAX_MESSAGE, 0, (struct sockaddr *)&from, &length);

		if (size < 0 ||
		    sendto(fd, buffer, options.response, 0, (struct sockaddr *)&from, length) < 0)
			die("the server of datagrams");
	}
}

static uint64_t run_datagrams(const struct sockaddr_in *address, unsigned count,
			      uint64_t *latencies)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	uint64_t start = now_ns();

	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)))
		die("connect");
	for (unsigned i = 0; i < count; i++) {
		uint64_t due = wait_until_due(start, i);

		if (send(fd, buffer, options.request, 0) < 0 ||
		    recv(fd, buffer, MAX_MESSAGE, 0) < 0)
			die("a datagram");
		latencies[i] = now_ns() - due;
	}
	return start;
}

static const struct load loads[] = {
	{"connect", SOCK_STREAM, serve_connections, run_connections},
	{"message", SOCK_STREAM, serve_messages, run_messages},
	{"bulk", SOCK_STREAM, serve_bulk, run_bulk},
	{"datagram", SOCK_DGRAM, serve_datagrams, run_datagrams},
};

const struct load *find_load(const char *name)
{
	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++)
		if (strcmp(loads[i].name, name) == 0)
			return &loads[i];
	return 0;
}
