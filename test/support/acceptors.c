/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acceptors THREADS TURNS: threads that wait in accept() for connections of the same process,
 * each for TURNS of them, and close them.
 *
 * Says that it is ready when all threads wait in the kernel. A line of input, and it connects; then
 * it says which thread has accepted which connection.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAX_ACCEPTORS = 400, MAX_TURNS = 2, STACK = 65536 };

struct acceptor {
	pthread_t thread;
	_Atomic pid_t tid;
	uint16_t ports[MAX_TURNS]; /* of the other sides */
};

static struct acceptor acceptors[MAX_ACCEPTORS];
static int listener;
static unsigned turns;

static __attribute__((noreturn)) void die(const char *what)
{
	perror(what);
	_exit(1);
}

static void *accept_in_turn(void *argument)
{
	struct acceptor *self = argument;

	self->tid = gettid();
	for (unsigned turn = 0; turn < turns; turn++) {
		struct sockaddr_in peer;
		socklen_t length = sizeof(peer);
		int fd = accept(listener, (struct sockaddr *)&peer, &length);

		if (fd < 0)
			die("accept");
		self->ports[turn] = ntohs(peer.sin_port);
		close(fd);
	}
	return NULL;
}

/* /proc/PID/task/TID/syscall: the number of the call, or "running". */
static void wait_for_call(pid_t tid)
{
	char path[64];
	long call = -1;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", tid);
	while (call != SYS_accept) {
		FILE *file = fopen(path, "r");

		if (!file)
			die(path);
		if (fscanf(file, "%ld", &call) != 1)
			call = -1;
		fclose(file);
	}
}

static void start(unsigned count)
{
	pthread_attr_t attributes;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK);
	for (unsigned i = 0; i < count; i++)
		if (pthread_create(&acceptors[i].thread, &attributes, accept_in_turn,
				   &acceptors[i]))
			die("thread");
	for (unsigned i = 0; i < count; i++) {
		while (!acceptors[i].tid)
			sched_yield();
		wait_for_call(acceptors[i].tid);
	}
}

static struct sockaddr_in listen_somewhere(void)
{
	struct sockaddr_in own = {.sin_family = AF_INET};
	socklen_t length = sizeof(own);

	own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&own, length) ||
	    listen(listener, SOMAXCONN) || getsockname(listener, (struct sockaddr *)&own, &length))
		die("listen");
	return own;
}

/*
 * One after the other: each has been accepted and closed when the next one comes. This side stays
 * open until the end, so that no port is given twice.
 */
static void connect_often(const struct sockaddr_in *to, unsigned count)
{
	char byte;

	while (count--) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof(*to)) ||
		    read(fd, &byte, 1) != 0)
			die("connect");
	}
}

int main(int argc, char **argv)
{
	unsigned count = argc == 3 ? (unsigned)atoi(argv[1]) : 0;
	struct sockaddr_in own;

	turns = argc == 3 ? (unsigned)atoi(argv[2]) : 0;
	if (count < 1 || count > MAX_ACCEPTORS || turns < 1 || turns > MAX_TURNS)
		return 2;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	own = listen_somewhere();
	start(count);
	printf("{\"type\":\"ready\",\"pid\":%d,\"port\":%u}\n", getpid(), ntohs(own.sin_port));
	fflush(stdout);
	if (getchar() != '\n')
		return 1;
	connect_often(&own, count * turns);
	for (unsigned i = 0; i < count; i++) {
		pthread_join(acceptors[i].thread, NULL);
		for (unsigned turn = 0; turn < turns; turn++)
			printf("{\"type\":\"accepted\",\"tid\":%d,\"port\":%u}\n", acceptors[i].tid,
			       acceptors[i].ports[turn]);
	}
	return 0;
}
