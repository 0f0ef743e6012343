/* SPDX-License-Identifier: Apache-2.0 */
/* Connections one after the other, as fast as they go. */
#define _GNU_SOURCE
#include "traffic.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct churn {
	const int *listeners;
	const uint16_t *ports;
	unsigned count;
	int control;
	_Atomic unsigned turns;
};

/* Waits for a connection. -1 when the control pipe has ended and nobody is waiting. */
int accept_one(const int *listeners, int control)
{
	struct pollfd waits[MAX_PORTS + 1];

	for (;;) {
		for (unsigned i = 0; i < options.ports; i++) {
			int fd = accept4(listeners[i], NULL, NULL, SOCK_CLOEXEC);

			if (fd >= 0) {
				truth.opened++;
				return fd;
			}
			if (errno != EAGAIN)
				count_error(truth.failed, errno);
			waits[i] = (struct pollfd){.fd = listeners[i], .events = POLLIN};
		}
		waits[options.ports] = (struct pollfd){.fd = control, .events = POLLIN};
		if (poll(waits, options.ports + 1, -1) < 0 && errno != EINTR)
			die("poll: %m");
		if (waits[options.ports].revents) {
			waits[options.ports].fd = -1;
			if (poll(waits, options.ports, 0) == 0)
				return -1;
		}
	}
}

static void serve_connection(int fd)
{
	switch (options.close) {
	case CLOSE_HALF:
		receive_until_end(fd);
		send_bytes(fd, options.response);
		break;
	case CLOSE_RST_UNREAD:
		receive_bytes(fd, options.request / 2);
		send_bytes(fd, options.response);
		break;
	default:
		if (receive_bytes(fd, options.request) && send_bytes(fd, options.response) &&
		    options.close != CLOSE_SERVER)
			receive_until_end(fd);
	}
	close(fd);
	truth.closed++;
}

static void use_connection(int fd)
{
	send_bytes(fd, options.request);
	switch (options.close) {
	case CLOSE_CLIENT:
	case CLOSE_DISCONNECT:
		receive_bytes(fd, options.response);
		break;
	case CLOSE_RST:
		receive_bytes(fd, options.response);
		close_with_reset(fd);
		return;
	case CLOSE_HALF:
		shutdown(fd, SHUT_WR);
		receive_until_end(fd);
		break;
	case CLOSE_SERVER:
	case CLOSE_RST_UNREAD:
		receive_until_end(fd);
		break;
	}
	if (options.close == CLOSE_DISCONNECT)
		disconnect(fd);
	else
		close(fd);
}

/* A process is named after its main thread, not after the one that makes the call. */
static void name_thread(const char *role)
{
	char name[16];

	if (options.threads == 1)
		return;
	snprintf(name, sizeof(name), "not-%s", role);
	prctl(PR_SET_NAME, name);
}

static void *serve_thread(void *argument)
{
	struct churn *churn = argument;

	name_thread("server");
	while (churn->turns++ < churn->count) {
		int fd = accept_one(churn->listeners, churn->control);

		if (fd < 0)
			break;
		serve_connection(fd);
	}
	return NULL;
}

static void *client_thread(void *argument)
{
	struct churn *churn = argument;
	unsigned turn;
	int fd = -1;

	name_thread("client");
	while ((turn = churn->turns++) < churn->count) {
		uint16_t port = churn->ports[turn % options.ports];

		if (fd < 0)
			fd = open_client(options.connect);
		if (connect_once(fd, options.connect, port, turn)) {
			close(fd);
			fd = -1;
			continue;
		}
		use_connection(fd);
		truth.closed++;
		if (options.close != CLOSE_DISCONNECT)
			fd = -1;
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

void run_threads(void *(*body)(void *), void *argument)
{
	pthread_t threads[MAX_THREADS];

	if (options.threads == 1) {
		body(argument);
		return;
	}
	for (unsigned i = 0; i < options.threads; i++)
		if (pthread_create(&threads[i], NULL, body, argument))
			die("cannot start a thread");
	for (unsigned i = 0; i < options.threads; i++)
		pthread_join(threads[i], NULL);
}

void churn_server(const int *listeners, unsigned count, int control)
{
	struct churn churn = {.listeners = listeners, .count = count, .control = control};

	run_threads(serve_thread, &churn);
}

/* A pre-forking server: whoever is free accepts. Each says what it did itself. */
void churn_workers(const int *listeners, unsigned count, int control)
{
	int status, failures = 0;

	for (unsigned i = 0; i < options.workers; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork: %m");
		if (pid)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(options.timeout_s);
		churn_server(listeners, count, control);
		print_truth("server", true);
		exit(0);
	}
	while (wait(&status) > 0)
		failures += status != 0;
	if (failures)
		die("a worker failed");
}

void churn_client(const uint16_t *ports, unsigned count)
{
	struct churn churn = {.ports = ports, .count = count};

	run_threads(client_thread, &churn);
}
