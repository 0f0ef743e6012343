/*
 * worlds COUNT: makes network namespaces one after the other, and in each of them an attempt to
 * connect that is refused. Prints how many there were.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <signal.h>
#include <unistd.h>

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void attempt(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(9),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct ifreq up = {.ifr_flags = IFF_UP};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	strcpy(up.ifr_name, "lo");
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &up))
		fail("lo");
	if (!connect(fd, (struct sockaddr *)&to, sizeof(to)) || errno != ECONNREFUSED)
		fail("connect");
	close(fd);
}

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 1;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < count; i++) {
		if (unshare(CLONE_NEWNET))
			fail("unshare");
		attempt();
	}
	printf("%d\n", count);
}
