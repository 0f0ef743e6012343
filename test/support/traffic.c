/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The coordinator: starts one server and the clients as processes of their own,
 * tells them when to go on, and ends with all of them.
 *
 *   traffic churn|serve|client|hold|refused|abandoned [options]
 *
 * With --wait it prints {"type":"ready"} when the server listens, and goes on with
 * the first line of standard input. `hold` takes a step (a request and a response
 * on each connection) for each further line, and closes at the end of its input;
 * with --half-close, the client shuts down its side with the first request.
 */
#define _GNU_SOURCE
#include "traffic.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct child children[MAX_CLIENTS + 1];
static unsigned child_count;
static uint16_t ports[MAX_PORTS];

static unsigned share_of(unsigned client)
{
	return options.count / options.clients + (client < options.count % options.clients);
}

static void be_server(struct child *self)
{
	int listeners[MAX_PORTS];

	for (unsigned i = 0; i < options.ports; i++)
		listeners[i] = open_listener(options.listen, options.port ? options.port + i : 0,
					     4096, &ports[i]);
	if (write(self->report, ports, sizeof(ports)) != sizeof(ports))
		die("the coordinator is gone");
	if (options.mode == MODE_HOLD)
		hold_server(listeners, self->control, self->report);
	else if (options.workers)
		churn_workers(listeners, options.count, self->control);
	else
		churn_server(listeners, options.count, self->control);
}

static void be_client(struct child *self, unsigned index)
{
	char go;

	if (write(self->report, "+", 1) != 1 || read(self->control, &go, 1) != 1)
		exit(0); /* never told to start */
	switch (options.mode) {
	case MODE_HOLD:
		hold_client(ports, self->control, self->report);
		break;
	case MODE_REFUSED:
		refused_client();
		break;
	case MODE_ABANDONED:
		abandoned_client();
		break;
	default:
		churn_client(ports, share_of(index));
	}
}

static void run_child(struct child *self, const char *name, unsigned index)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(options.timeout_s);
	if (prctl(PR_SET_NAME, name))
		die("PR_SET_NAME: %m");
	prepare_buffers(); /* a pipe of each child's own */
	if (strcmp(self->role, "server") == 0)
		be_server(self);
	else
		be_client(self, index);
	print_truth(self->role, true);
	exit(0);
}

static struct child *start(const char *role, const char *name, unsigned index)
{
	struct child *child = &children[child_count];
	int control[2], report[2];

	if (pipe2(control, O_CLOEXEC) || pipe2(report, O_CLOEXEC))
		die("pipe: %m");
	child->role = role;
	child->pid = fork();
	if (child->pid < 0)
		die("fork: %m");
	if (child->pid == 0) {
		for (unsigned i = 0; i < child_count; i++) {
			close(children[i].control);
			close(children[i].report);
		}
		close(control[1]);
		close(report[0]);
		child->control = control[0];
		child->report = report[1];
		run_child(child, name, index);
	}
	close(control[0]);
	close(report[1]);
	child->control = control[1];
	child->report = report[0];
	child_count++;
	return child;
}

static void hear(struct child *child, void *to, size_t size)
{
	if (read(child->report, to, size) != (ssize_t)size)
		die("the %s ended too early", child->role);
}

static void start_all(void)
{
	bool has_server = options.mode == MODE_CHURN || options.mode == MODE_HOLD ||
			  options.mode == MODE_SERVE;
	char byte;

	if (options.mode == MODE_HOLD)
		options.clients = 1;
	if (options.mode == MODE_SERVE)
		options.clients = 0;
	for (unsigned i = 0; i < options.ports; i++)
		ports[i] = (uint16_t)(options.port + i);
	if (has_server)
		hear(start("server", options.server_name, 0), ports, sizeof(ports));
	for (unsigned i = 0; i < options.clients; i++)
		hear(start("client", options.client_name, i), &byte, 1);
}

static void print_ready(void)
{
	char list[MAX_PORTS * 8], pids[(MAX_CLIENTS + 1) * 12];
	char *to = list;

	for (unsigned i = 0; i < options.ports; i++)
		to += sprintf(to, "%s%u", i ? "," : "", ports[i]);
	to = pids;
	*to = 0;
	for (unsigned i = 0; i < child_count; i++)
		to += sprintf(to, "%s%d", i ? "," : "", children[i].pid);
	print_line("{\"type\":\"ready\",\"ports\":[%s],\"pids\":[%s]}", list, pids);
}

/* False at the end of standard input. */
static bool read_line(void)
{
	char byte;

	while (read(STDIN_FILENO, &byte, 1) == 1)
		if (byte == '\n')
			return true;
	return false;
}

static void tell_all(const char *role)
{
	for (unsigned i = 0; i < child_count; i++)
		if (!role || strcmp(children[i].role, role) == 0)
			if (write(children[i].control, "x", 1) != 1)
				die("the %s is gone: %m", children[i].role);
}

static void hear_all(unsigned step)
{
	char byte;

	for (unsigned i = child_count; i-- > 0;) { /* the client first */
		if (step == 0 && strcmp(children[i].role, "server") == 0)
			tell_all("server");
		hear(&children[i], &byte, 1);
	}
	print_line("{\"type\":\"held\",\"steps\":%u}", step);
}

static void drive_steps(void)
{
	struct timespec pause = {options.every_ms / 1000, options.every_ms % 1000 * 1000000L};
	unsigned step = 0;

	hear_all(0);
	while (step < options.steps || read_line()) {
		if (step < options.steps)
			nanosleep(&pause, NULL);
		tell_all(NULL);
		hear_all(++step);
	}
}

/* Clients end first: the server then knows that nobody else comes. */
static int finish(void)
{
	int status, failures = 0;

	for (unsigned i = child_count; i-- > 0;) {
		bool is_held = options.mode == MODE_HOLD;

		if (is_held || (options.mode != MODE_SERVE && strcmp(children[i].role, "client")))
			close(children[i].control);
		if (waitpid(children[i].pid, &status, 0) < 0 || status)
			failures++;
	}
	return failures ? 1 : 0;
}

int main(int argc, char **argv)
{
	parse_options(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	alarm(options.timeout_s + 1);
	start_all();
	if (options.wait || options.mode == MODE_SERVE)
		print_ready();
	if (options.wait && !read_line())
		return 1;
	tell_all("client");
	if (options.mode == MODE_HOLD)
		drive_steps();
	return finish();
}
