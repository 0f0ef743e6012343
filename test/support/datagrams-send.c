/* SPDX-License-Identifier: Apache-2.0 */
/* Every way to send. */
#define _GNU_SOURCE
#include "datagrams.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

static char payload[MAX_DATAGRAM];

/* A file of so many bytes, at its beginning. */
static int file_of(size_t size)
{
	int fd = memfd_create("payload", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)size))
		die("memfd: %m");
	return fd;
}

static ssize_t send_file(int fd, size_t size)
{
	int file = file_of(size);
	ssize_t sent = sendfile(fd, file, 0, size);

	close(file);
	return sent;
}

static ssize_t send_spliced(int fd, size_t size)
{
	int ends[2], file = file_of(size);
	ssize_t sent;

	if (pipe(ends) || splice(file, 0, ends[1], 0, size, 0) != (ssize_t)size)
		die("splice: %m");
	sent = splice(ends[0], 0, fd, 0, size, 0);
	close(ends[0]);
	close(ends[1]);
	close(file);
	return sent;
}

/* Returns the number of datagrams, or -1; adds their bytes. */
static int send_batch(int fd, int count, size_t size, struct address *to, uint64_t *bytes)
{
	struct iovec data = {payload, size};
	struct mmsghdr batch[BATCH] = {};
	int sent;

	for (int i = 0; i < BATCH; i++) {
		batch[i].msg_hdr.msg_iov = &data;
		batch[i].msg_hdr.msg_iovlen = 1;
		batch[i].msg_hdr.msg_name = to->length ? &to->storage : 0;
		batch[i].msg_hdr.msg_namelen = to->length;
	}
	sent = sendmmsg(fd, batch, (unsigned)(count < BATCH ? count : BATCH), 0);
	for (int i = 0; i < sent; i++)
		*bytes += batch[i].msg_len;
	return sent;
}

static ssize_t send_one(int fd, const char *how, size_t size, struct address *to)
{
	struct iovec data = {payload, size};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};

	if (to->length) {
		message.msg_name = &to->storage;
		message.msg_namelen = to->length;
	}
	if (strcmp(how, "send") == 0)
		return send(fd, payload, size, 0);
	if (strcmp(how, "sendto") == 0)
		return sendto(fd, payload, size, 0, message.msg_name, message.msg_namelen);
	if (strcmp(how, "sendmsg") == 0)
		return sendmsg(fd, &message, 0);
	if (strcmp(how, "write") == 0)
		return write(fd, payload, size);
	if (strcmp(how, "sendfile") == 0)
		return send_file(fd, size);
	if (strcmp(how, "splice") == 0)
		return send_spliced(fd, size);
	if (strcmp(how, "uring") == 0)
		return uring_message(fd, &message, 0, true);
	die("no such way to send: %s", how);
}

/* Returns the number of datagrams, or -1; adds their bytes. */
static int send_some(int fd, const char *how, int count, size_t size, struct address *to,
		     uint64_t *bytes)
{
	ssize_t sent;

	if (strcmp(how, "sendmmsg") == 0)
		return send_batch(fd, count, size, to, bytes);
	sent = send_one(fd, how, size, to);
	if (sent < 0)
		return -1;
	*bytes += (uint64_t)sent;
	return 1;
}

static void send_all(int fd, const char *how, int count, size_t size, struct address *to,
		     struct result *result)
{
	uint64_t datagrams = 0, bytes = 0;

	while (datagrams < (uint64_t)count) {
		int sent = send_some(fd, how, count - (int)datagrams, size, to, &bytes);

		if (sent < 0) {
			count_error(result, errno);
			break;
		}
		datagrams += (uint64_t)sent;
	}
	truth.datagrams_sent += datagrams;
	truth.bytes_sent += bytes;
	result->datagrams += datagrams;
	result->bytes += bytes;
}

/* send SOCKET COUNT BYTES HOW [ADDRESS PORT] */
void op_send(const struct words *words, struct result *result)
{
	int fd = result->socket = socket_at(words->at[1]);
	int count = number(words->at[2], 1, 10000000);
	size_t size = (size_t)number(words->at[3], 0, MAX_DATAGRAM - 1);

	if (words->count > 6)
		result->peer = address_for(fd, words->at[5], words->at[6]);
	send_all(fd, words->at[4], count, size, &result->peer, result);
}

/* fan FAMILY COUNT BYTES send|sendto ADDRESS PORT */
void op_fan(const struct words *words, struct result *result)
{
	int family = strcmp(words->at[1], "inet6") == 0 ? AF_INET6 : AF_INET;
	int count = number(words->at[2], 1, MAX_SOCKETS);
	size_t size = (size_t)number(words->at[3], 0, MAX_DATAGRAM - 1);
	bool connects = strcmp(words->at[4], "send") == 0;

	for (int i = 0; i < count; i++) {
		int fd = keep(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
		struct address to = address_for(fd, words->at[5], words->at[6]);

		if (connects && connect(fd, (struct sockaddr *)&to.storage, to.length))
			die("connect: %m");
		send_all(fd, words->at[4], 1, size, &to, result);
	}
}
