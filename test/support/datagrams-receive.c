/* SPDX-License-Identifier: Apache-2.0 */
/* Every way to receive. */
#define _GNU_SOURCE
#include "datagrams.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

static _Thread_local char buffer[BATCH][MAX_DATAGRAM];

/* Returns the number of datagrams, or -1; adds their bytes. */
static int receive_batch(int fd, int count, size_t size, int flags, uint64_t *bytes)
{
	struct mmsghdr batch[BATCH] = {};
	struct iovec data[BATCH];
	struct sockaddr_storage from[BATCH];
	int received;

	for (int i = 0; i < BATCH; i++) {
		data[i] = (struct iovec){buffer[i], size};
		batch[i].msg_hdr.msg_iov = &data[i];
		batch[i].msg_hdr.msg_iovlen = 1;
		batch[i].msg_hdr.msg_name = &from[i];
		batch[i].msg_hdr.msg_namelen = sizeof(from[i]);
	}
	received = recvmmsg(fd, batch, (unsigned)(count < BATCH ? count : BATCH),
			    flags | MSG_WAITFORONE, 0);
	for (int i = 0; i < received; i++)
		*bytes += batch[i].msg_len;
	return received;
}

static ssize_t receive_one(int fd, const char *how, size_t size, int flags, struct address *from)
{
	struct iovec data = {buffer[0], size};
	struct msghdr message = {.msg_name = &from->storage,
				 .msg_namelen = sizeof(from->storage),
				 .msg_iov = &data,
				 .msg_iovlen = 1};
	ssize_t received;

	from->length = sizeof(from->storage);
	if (strcmp(how, "recvfrom") == 0)
		return recvfrom(fd, buffer[0], size, flags, (struct sockaddr *)&from->storage,
				&from->length);
	if (strcmp(how, "recvmsg") == 0) {
		received = recvmsg(fd, &message, flags);
		from->length = message.msg_namelen;
		return received;
	}
	from->length = 0;
	if (strcmp(how, "recv") == 0)
		return recv(fd, buffer[0], size, flags);
	if (strcmp(how, "read") == 0)
		return read(fd, buffer[0], size);
	if (strcmp(how, "uring") == 0)
		return uring_message(fd, &message, flags, false);
	die("no such way to receive: %s", how);
}

/* Returns the number of datagrams, or -1; adds their bytes. */
static int receive_some(int fd, const char *how, int count, size_t size, int flags, uint64_t *bytes,
			struct address *from)
{
	ssize_t received;

	if (strcmp(how, "recvmmsg") == 0)
		return receive_batch(fd, count, size, flags, bytes);
	received = receive_one(fd, how, size, flags, from);
	if (received < 0)
		return -1;
	*bytes += (uint64_t)received;
	return 1;
}

static void peek(int fd, size_t size)
{
	struct address from;

	if (receive_one(fd, "recvfrom", size, MSG_PEEK, &from) < 0 ||
	    receive_one(fd, "recv", size, MSG_PEEK, &from) < 0)
		die("peek: %m");
}

/* peek SOCKET BYTES: leaves the datagram where it is. */
void op_peek(const struct words *words, struct result *result)
{
	result->socket = socket_at(words->at[1]);
	peek(result->socket, (size_t)number(words->at[2], 0, MAX_DATAGRAM));
}

static void add(struct result *result, uint64_t datagrams, uint64_t bytes)
{
	truth.datagrams_received += datagrams;
	truth.bytes_received += bytes;
	result->datagrams += datagrams;
	result->bytes += bytes;
}

/* receive SOCKET COUNT BYTES HOW [peek|truncate|now]... */
void op_receive(const struct words *words, struct result *result)
{
	int fd = result->socket = socket_at(words->at[1]);
	int count = number(words->at[2], 1, 10000000);
	size_t size = (size_t)number(words->at[3], 0, MAX_DATAGRAM);
	bool peeks = false;
	int flags = 0;

	for (int i = 5; i < words->count; i++) {
		if (strcmp(words->at[i], "peek") == 0)
			peeks = true;
		else if (strcmp(words->at[i], "truncate") == 0)
			flags |= MSG_TRUNC;
		else if (strcmp(words->at[i], "now") == 0)
			flags |= MSG_DONTWAIT;
		else
			die("no such flag: %s", words->at[i]);
	}
	while (result->datagrams < (uint64_t)count) {
		uint64_t bytes = 0;
		int received, left = count - (int)result->datagrams;

		if (peeks)
			peek(fd, size);
		received = receive_some(fd, words->at[4], left, size, flags, &bytes, &result->peer);
		if (received < 0) {
			count_error(result, errno);
			return;
		}
		add(result, (uint64_t)received, bytes);
	}
}

/* drain SOCKET BYTES HOW: the failed calls of an empty queue are not counted. */
void op_drain(const struct words *words, struct result *result)
{
	int fd = result->socket = socket_at(words->at[1]);
	size_t size = (size_t)number(words->at[2], 0, MAX_DATAGRAM);
	struct pollfd wait[] = {{.fd = fd, .events = POLLIN},
				{.fd = STDIN_FILENO, .events = POLLIN}};

	for (;;) {
		uint64_t bytes = 0;
		int received = receive_some(fd, words->at[3], BATCH, size, MSG_DONTWAIT, &bytes,
					    &result->peer);

		if (received >= 0)
			add(result, (uint64_t)received, bytes);
		else if (errno != EAGAIN)
			die("drain: %m");
		else if (wait[1].revents)
			return;
		else if (poll(wait, 2, TIMEOUT_S * 1000) <= 0)
			die("drain: nothing comes");
	}
}
