/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inherited NAME: listens, and leaves the socket to a child, as daemon(3) does: the process that
 * called listen() ends at once. The child is called NAME, prints its id and its port, and serves
 * connections until its standard input ends.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LONGEST_S = 120 };

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* Each is held until the next one comes. */
static void serve(int listener)
{
	for (int held = -1, next; (next = accept(listener, 0, 0)) >= 0; held = next) {
		if (send(next, "hello", 5, MSG_NOSIGNAL) != 5)
			fail("send");
		if (held >= 0)
			close(held);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	if (argc != 2 || bind(listener, (struct sockaddr *)&at, length) || listen(listener, 16) ||
	    getsockname(listener, (struct sockaddr *)&at, &length))
		fail("listen");
	if (fork())
		_exit(0);
	alarm(LONGEST_S);
	prctl(PR_SET_NAME, argv[1]);
	printf("%d %d\n", getpid(), ntohs(at.sin_port));
	fflush(stdout);
	serve(listener);
}
