/* SPDX-License-Identifier: Apache-2.0 */
/* One socket in two processes, by SCM_RIGHTS. */
#define _GNU_SOURCE
#include "datagrams.h"
#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

static struct sockaddr_un meeting_point(const char *name, socklen_t *length)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	/* A zero byte in front: abstract, so it leaves no file. */
	snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "%s", name);
	*length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
	return address;
}

/* give SOCKET NAME */
void op_give(const struct words *words, struct result *result)
{
	socklen_t length;
	struct sockaddr_un to = meeting_point(words->at[2], &length);
	char byte = '+';
	struct iovec data = {&byte, 1};
	union control control = {};
	struct msghdr message = {.msg_name = &to,
				 .msg_namelen = length,
				 .msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};
	int unix_socket = socket(AF_UNIX, SOCK_DGRAM, 0);

	result->socket = socket_at(words->at[1]);
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &result->socket, sizeof(int));
	while (sendmsg(unix_socket, &message, 0) < 0) {
		if (errno != ECONNREFUSED)
			die("give: %m");
		sched_yield(); /* the other one is not there yet */
	}
	close(unix_socket);
}

/* take NAME */
void op_take(const struct words *words, struct result *result)
{
	socklen_t length;
	struct sockaddr_un here = meeting_point(words->at[1], &length);
	char byte;
	struct iovec data = {&byte, 1};
	union control control = {};
	struct msghdr message = {.msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};
	int unix_socket = socket(AF_UNIX, SOCK_DGRAM, 0);
	int fd;

	if (bind(unix_socket, (struct sockaddr *)&here, length) ||
	    recvmsg(unix_socket, &message, MSG_CMSG_CLOEXEC) < 0)
		die("take: %m");
	memcpy(&fd, CMSG_DATA(&control.header), sizeof(int));
	close(unix_socket);
	result->socket = keep(fd);
}
