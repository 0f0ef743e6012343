/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ping-pong udp|tcp COUNT: 64 bytes there and 64 back, COUNT times, between two processes on
 * loopback, over one connected socket of the client. Prints round trips a second, and the
 * nanoseconds on a CPU of both for each, which stand still where others use the machine, too.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BYTES = 64 };

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static double seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void answer_datagrams(int fd)
{
	struct sockaddr_storage from;
	char buffer[BYTES];

	for (;;) {
		socklen_t length = sizeof(from);
		ssize_t size = recvfrom(fd, buffer, BYTES, 0, (struct sockaddr *)&from, &length);

		if (size < 0 ||
		    sendto(fd, buffer, (size_t)size, 0, (struct sockaddr *)&from, length) < 0)
			die("the server");
	}
}

static void answer_stream(int listener)
{
	int one = 1, fd = accept(listener, 0, 0);
	char buffer[BYTES];

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	while (recv(fd, buffer, BYTES, MSG_WAITALL) == BYTES)
		if (send(fd, buffer, BYTES, 0) != BYTES)
			die("the server");
	exit(0);
}

static void play(int fd, int count)
{
	char buffer[BYTES] = {};

	for (int i = 0; i < count; i++)
		if (send(fd, buffer, BYTES, 0) != BYTES ||
		    recv(fd, buffer, BYTES, MSG_WAITALL) != BYTES)
			die("the client");
}

static void measure(int fd, int count, pid_t child)
{
	double start = seconds(CLOCK_MONOTONIC), cpu;
	clockid_t other;

	if (clock_getcpuclockid(child, &other))
		die("the clock of the server");
	cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) + seconds(other);
	play(fd, count);
	cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) + seconds(other) - cpu;
	printf("%.0f %.0f\n", count / (seconds(CLOCK_MONOTONIC) - start), cpu * 1e9 / count);
}

int main(int argc, char **argv)
{
	bool udp = argc == 3 && strcmp(argv[1], "udp") == 0;
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int type = udp ? SOCK_DGRAM : SOCK_STREAM, one = 1;
	int server = socket(AF_INET, type, 0), client = socket(AF_INET, type, 0);
	pid_t child;

	if (argc != 3)
		return 2;
	if (bind(server, (struct sockaddr *)&address, length) || (!udp && listen(server, 1)) ||
	    getsockname(server, (struct sockaddr *)&address, &length))
		die("bind");
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (udp)
			answer_datagrams(server);
		else
			answer_stream(server);
	}
	if (child < 0 || connect(client, (struct sockaddr *)&address, length))
		die("connect");
	setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	play(client, 1000); /* warms up */
	measure(client, atoi(argv[2]), child);
	kill(child, SIGKILL);
	return 0;
}
