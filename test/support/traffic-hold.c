/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that stay open and move bytes step by step, and connections that never open. */
#define _GNU_SOURCE
#include "traffic.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

static int held[MAX_HELD];
static unsigned held_count;

static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		die("RLIMIT_NOFILE: %m");
	/* The kernel gives its first process 4096, and only an init program more to others. */
	if (limit.rlim_max < MAX_HELD + 64 && geteuid() == 0)
		limit.rlim_max = MAX_HELD + 64;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		die("RLIMIT_NOFILE: %m");
}

static void tell(int report)
{
	if (write(report, "+", 1) != 1)
		die("the coordinator is gone");
}

/* False at the end. */
static bool next_step(int control)
{
	char byte;

	return read(control, &byte, 1) == 1;
}

void hold_server(const int *listeners, int control, int report)
{
	raise_file_limit();
	while (held_count < options.count) {
		int fd = accept_one(listeners, control);

		if (fd < 0)
			break;
		held[held_count++] = fd;
	}
	next_step(control); /* the clients have connected */
	print_truth("server", false);
	tell(report);
	while (next_step(control)) {
		for (unsigned i = 0; i < held_count; i++)
			if (receive_bytes(held[i], options.request))
				send_bytes(held[i], options.response);
		print_truth("server", false);
		tell(report);
	}
	for (unsigned i = 0; i < held_count; i++) {
		receive_until_end(held[i]);
		close(held[i]);
		truth.closed++;
	}
}

void hold_client(const uint16_t *ports, int control, int report)
{
	raise_file_limit();
	for (unsigned turn = 0; turn < options.count; turn++) {
		int fd = open_client(options.connect);

		if (connect_once(fd, options.connect, ports[turn % options.ports], turn))
			close(fd);
		else
			held[held_count++] = fd;
	}
	print_truth("client", false);
	tell(report);
	while (next_step(control)) {
		for (unsigned i = 0; i < held_count; i++) {
			send_bytes(held[i], options.request);
			if (options.close == CLOSE_HALF)
				shutdown(held[i], SHUT_WR);
		}
		for (unsigned i = 0; i < held_count; i++)
			receive_bytes(held[i], options.response);
		print_truth("client", false);
		tell(report);
	}
	for (unsigned i = 0; i < held_count; i++) {
		close(held[i]);
		truth.closed++;
	}
}

void refused_client(void)
{
	uint16_t port;
	int refuses = open_listener(options.connect, 0, -1, &port);

	for (unsigned turn = 0; turn < options.count; turn++) {
		int fd = open_socket(options.connect);

		connect_once(fd, options.connect, port, 0);
		close(fd);
	}
	close(refuses);
}

static void wait_for_failure(int fd)
{
	struct pollfd wait = {.fd = fd, .events = POLLOUT};
	socklen_t length = sizeof(int);
	int error = 0;

	if (poll(&wait, 1, -1) != 1 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length))
		die("poll: %m");
	if (error)
		count_error(truth.failed, error);
	else
		truth.opened++;
}

/*
 * A listener whose queue is full drops SYNs: whoever connects stays in SYN_SENT,
 * until he gives up (close) or the kernel does (--user-timeout).
 */
void abandoned_client(void)
{
	int connecting[MAX_HELD];
	unsigned pending = 0, timeout = options.user_timeout_ms;
	uint16_t port;
	int listener = open_listener(options.connect, 0, 0, &port);
	int first = open_socket(options.connect);

	raise_file_limit();
	connect_once(first, options.connect, port, 0);
	for (unsigned turn = 0; turn < options.count && turn < MAX_HELD; turn++) {
		int fd = open_socket(options.connect);

		if (fcntl(fd, F_SETFL, O_NONBLOCK) ||
		    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout)))
			die("socket: %m");
		if (connect_once(fd, options.connect, port, 0) == EINPROGRESS)
			connecting[pending++] = fd;
		else
			close(fd);
	}
	for (unsigned i = 0; i < pending; i++) {
		if (timeout)
			wait_for_failure(connecting[i]);
		else
			truth.abandoned++;
		close(connecting[i]);
	}
	close(first);
	close(listener);
}
