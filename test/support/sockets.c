/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sockets: opens sockets as it is told, says what the kernel has given it, and keeps
 * them until the end of its standard input.
 *
 *   sockets NAME WORD...
 *
 *   udp LOCAL PORT REMOTE PORT   bound and connected; "-" for an address: not so
 *   disconnect                   the last one has no peer any more: connect(AF_UNSPEC)
 *   mptcp ADDRESS BYTES          a listener, a client that has sent so much, and the
 *                                accepted socket, which has read it
 *   fork                         a child that has all of them open, too
 *   pass                         a child that is given the last one (SCM_RIGHTS)
 *   close                        the last one, in this process
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static int last = -1;

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

static socklen_t address_of(const char *text, const char *port, struct sockaddr_storage *to)
{
	struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)to;
	struct sockaddr_in *ipv4 = (struct sockaddr_in *)to;

	memset(to, 0, sizeof(*to));
	if (inet_pton(AF_INET, text, &ipv4->sin_addr) == 1) {
		ipv4->sin_family = AF_INET;
		ipv4->sin_port = htons((uint16_t)atoi(port));
		return sizeof(*ipv4);
	}
	if (inet_pton(AF_INET6, text, &ipv6->sin6_addr) != 1)
		die("%s: no address", text);
	ipv6->sin6_family = AF_INET6;
	ipv6->sin6_port = htons((uint16_t)atoi(port));
	return sizeof(*ipv6);
}

static uint16_t port_of(int fd)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &length))
		die("getsockname: %m");
	/* At the same place in both families. */
	return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

static void tell(int fd, const char *what)
{
	last = fd;
	printf("{\"type\":\"socket\",\"what\":\"%s\",\"fd\":%d,\"port\":%u}\n", what, fd,
	       port_of(fd));
}

static void open_udp(char **words)
{
	struct sockaddr_storage local, remote;
	bool bound = strcmp(words[0], "-"), connected = strcmp(words[2], "-");
	socklen_t local_length = bound ? address_of(words[0], words[1], &local) : 0;
	socklen_t remote_length = connected ? address_of(words[2], words[3], &remote) : 0;
	int fd = socket(bound ? local.ss_family : remote.ss_family, SOCK_DGRAM, 0);

	if (fd < 0 || (bound && bind(fd, (struct sockaddr *)&local, local_length)) ||
	    (connected && connect(fd, (struct sockaddr *)&remote, remote_length)))
		die("udp %s %s: %m", words[0], words[2]);
	tell(fd, "udp");
}

static void disconnect(void)
{
	struct sockaddr nobody = {.sa_family = AF_UNSPEC};

	if (connect(last, &nobody, sizeof(nobody)))
		die("disconnect: %m");
}

static void move_bytes(int from, int to, size_t amount)
{
	char *bytes = calloc(1, amount);

	if (send(from, bytes, amount, 0) != (ssize_t)amount ||
	    recv(to, bytes, amount, MSG_WAITALL) != (ssize_t)amount)
		die("%zu bytes: %m", amount);
	free(bytes);
}

static void open_mptcp(const char *address, const char *amount)
{
	struct sockaddr_storage name;
	socklen_t length = address_of(address, "0", &name);
	int listener = socket(name.ss_family, SOCK_STREAM, IPPROTO_MPTCP);
	int client = socket(name.ss_family, SOCK_STREAM, IPPROTO_MPTCP);
	int accepted;

	if (listener < 0 || client < 0)
		die("mptcp: %m");
	if (bind(listener, (struct sockaddr *)&name, length) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&name, &length) ||
	    connect(client, (struct sockaddr *)&name, length))
		die("mptcp %s: %m", address);
	accepted = accept(listener, NULL, NULL);
	if (accepted < 0)
		die("accept: %m");
	move_bytes(client, accepted, (size_t)atoi(amount));
	tell(listener, "listener");
	tell(client, "client");
	tell(accepted, "accepted");
}

/* Of the child: the end of the pipe to the parent says that it is there. */
__attribute__((noreturn)) static void stay(int ready, int fd)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (write(ready, &fd, sizeof(fd)) != sizeof(fd))
		die("the parent is gone");
	for (;;)
		pause();
}

static int receive_socket(int from)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec data = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	int fd;

	if (recvmsg(from, &message, 0) != 1 || !CMSG_FIRSTHDR(&message))
		die("no socket was passed: %m");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

static void send_socket(int to, int fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS}};
	struct iovec data = {.iov_base = "+", .iov_len = 1};
	struct msghdr message = {.msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};

	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	if (sendmsg(to, &message, 0) != 1)
		die("SCM_RIGHTS: %m");
}

static void start_child(bool passes)
{
	int pair[2], theirs;
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		die("socketpair: %m");
	fflush(stdout);
	child = fork();
	if (child < 0)
		die("fork: %m");
	if (child == 0) {
		if (passes)
			close(last);
		stay(pair[1], passes ? receive_socket(pair[1]) : last);
	}
	if (passes)
		send_socket(pair[0], last);
	if (read(pair[0], &theirs, sizeof(theirs)) != sizeof(theirs))
		die("the child is gone");
	close(pair[0]);
	close(pair[1]);
	printf("{\"type\":\"child\",\"pid\":%d,\"fd\":%d}\n", child, theirs);
}

/* How many of the words it has used. */
static int take(char **words, int left)
{
	if (strcmp(words[0], "udp") == 0 && left >= 5)
		return open_udp(words + 1), 5;
	if (strcmp(words[0], "mptcp") == 0 && left >= 3)
		return open_mptcp(words[1], words[2]), 3;
	if (strcmp(words[0], "disconnect") == 0)
		return disconnect(), 1;
	if (strcmp(words[0], "fork") == 0)
		return start_child(false), 1;
	if (strcmp(words[0], "pass") == 0)
		return start_child(true), 1;
	if (strcmp(words[0], "close") == 0)
		return close(last), 1;
	die("%s: no such word, or too few after it", words[0]);
}

int main(int argc, char **argv)
{
	char byte;

	if (argc < 2 || prctl(PR_SET_NAME, argv[1]))
		die("first word: a name");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 2; i < argc;)
		i += take(argv + i, argc - i);
	printf("{\"type\":\"ready\",\"pid\":%d}\n", getpid());
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) == 1)
		continue;
	return 0;
}
