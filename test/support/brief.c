/* SPDX-License-Identifier: Apache-2.0 */
/*
 * brief: a process that is gone as soon as it has called connect(). Statically linked, so
 * that it is quick, and can be copied anywhere.
 *
 *   brief connect ADDRESS PORT                 connects, and exits at once
 *   brief repeat COUNT PROGRAM ADDRESS PORT    runs `PROGRAM connect …` COUNT times
 *   brief exec PROGRAM ADDRESS PORT            connects, and becomes `PROGRAM connect …`
 *   brief thread ADDRESS PORT                  connects from a thread with a name of its own
 *
 * Says on standard output which process, and thread, has called connect().
 *
 *   brief late close|shutdown ADDRESS PORT     listens, connects to itself, and sends to the
 *                                              accepted socket, which has been closed
 *   brief vanish TIMEOUT_MS ADDRESS PORT       connects, waits for a line, sends, and says what
 *                                              errno that ends with
 *   brief leaderless ADDRESS PORT              listens there, and connects to itself when its main
 *                                              thread has ended; it ends with standard input
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char **address;

static void fill(struct sockaddr_in *to, char **from)
{
	*to = (struct sockaddr_in){.sin_family = AF_INET,
				   .sin_port = htons((uint16_t)atoi(from[1]))};
	if (inet_pton(AF_INET, from[0], &to->sin_addr) != 1)
		exit(1);
}

/* It does not matter whether it is done, or refused, when this returns. */
static void start_connecting(char **to)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_in peer;

	fill(&peer, to);
	if (fd < 0)
		exit(1);
	connect(fd, (struct sockaddr *)&peer, sizeof(peer));
}

static void tell(void)
{
	printf("%d %d\n", getpid(), gettid());
	fflush(stdout);
}

static void repeat(unsigned count, char *program, char **to)
{
	char *args[] = {program, "connect", to[0], to[1], NULL};
	int status;

	while (count--) {
		pid_t pid = vfork();

		if (pid == 0) {
			execv(program, args);
			_exit(1);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			exit(1);
		printf("%d %d\n", pid, pid);
	}
}

static void *connect_in_thread(void *unused)
{
	prctl(PR_SET_NAME, "renamed-thread");
	start_connecting(address);
	tell();
	return unused;
}

static int wait_for_error(int fd)
{
	struct pollfd wait = {.fd = fd, .events = 0};
	socklen_t length = sizeof(int);
	int error = 0;

	while (!(wait.revents & POLLERR))
		if (poll(&wait, 1, -1) != 1)
			exit(1);
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
	return error;
}

static int connected(const struct sockaddr_in *peer)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)peer, sizeof(*peer)))
		exit(1);
	return fd;
}

static void be_late(const char *how, char **where)
{
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), client, server;
	struct sockaddr_in own;
	char byte;

	fill(&own, where);
	if (bind(listener, (struct sockaddr *)&own, sizeof(own)) || listen(listener, 1))
		exit(1);
	client = connected(&own);
	server = accept(listener, NULL, NULL);
	if (strcmp(how, "close") == 0)
		close(server);
	else
		shutdown(server, SHUT_RDWR);
	/* The end of what the server sends has come: it has done that. */
	if (read(client, &byte, 1) != 0 || write(client, "x", 1) != 1)
		exit(1);
	printf("%s\n", strerrorname_np(wait_for_error(client)));
}

static void outlive_peer(const char *timeout_ms, char **where)
{
	unsigned timeout = (unsigned)atoi(timeout_ms);
	struct sockaddr_in peer;
	char line[2];
	int fd;

	fill(&peer, where);
	fd = connected(&peer);
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
	tell();
	if (!fgets(line, sizeof(line), stdin) || write(fd, "x", 1) != 1)
		exit(1);
	printf("%s\n", strerrorname_np(wait_for_error(fd)));
}

static void wait_for_end_of_main_thread(void)
{
	char stat[256] = "";
	FILE *file;

	while (!strstr(stat, ") Z")) {
		file = fopen("/proc/self/stat", "r");
		if (!file || !fgets(stat, sizeof(stat), file))
			exit(1);
		fclose(file);
	}
}

static void *go_on_alone(void *unused)
{
	struct sockaddr_in own;
	char line[2];
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	fill(&own, address);
	if (bind(listener, (struct sockaddr *)&own, sizeof(own)) || listen(listener, 1))
		exit(1);
	wait_for_end_of_main_thread();
	connected(&own);
	tell();
	while (fgets(line, sizeof(line), stdin))
		;
	exit(0);
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc == 4 && strcmp(argv[1], "connect") == 0) {
		start_connecting(argv + 2);
		_exit(0);
	}
	if (argc == 6 && strcmp(argv[1], "repeat") == 0) {
		repeat((unsigned)atoi(argv[2]), argv[3], argv + 4);
		return 0;
	}
	if (argc == 5 && strcmp(argv[1], "exec") == 0) {
		char *args[] = {argv[2], "connect", argv[3], argv[4], NULL};

		start_connecting(argv + 3);
		tell();
		execv(argv[2], args);
		return 1;
	}
	if (argc == 4 && strcmp(argv[1], "thread") == 0) {
		address = argv + 2;
		prctl(PR_SET_NAME, "renamed-main");
		if (pthread_create(&thread, NULL, connect_in_thread, NULL))
			return 1;
		pthread_join(thread, NULL);
		return 0;
	}
	if (argc == 4 && strcmp(argv[1], "leaderless") == 0) {
		address = argv + 2;
		if (pthread_create(&thread, NULL, go_on_alone, NULL))
			return 1;
		syscall(SYS_exit, 0);
	}
	if (argc == 5 && strcmp(argv[1], "late") == 0) {
		be_late(argv[2], argv + 3);
		return 0;
	}
	if (argc == 5 && strcmp(argv[1], "vanish") == 0) {
		outlive_peer(argv[2], argv + 3);
		return 0;
	}
	return 2;
}
