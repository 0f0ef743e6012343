/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restored BYTES: a connection to itself of which one socket is replaced by another that goes on in
 * its place (TCP_REPAIR), as CRIU does. That one sends BYTES, and is closed. Says its own port.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <linux/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void must(int result)
{
	if (result < 0) {
		perror("restored");
		exit(1);
	}
}

static void set(int fd, int level, int option, int value)
{
	must(setsockopt(fd, level, option, &value, sizeof(value)));
}

static uint32_t sequence_of(int fd, int queue)
{
	uint32_t sequence;
	socklen_t length = sizeof(sequence);

	set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, queue);
	must(getsockopt(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, &sequence, &length));
	return sequence;
}

static void set_sequence(int fd, int queue, uint32_t sequence)
{
	set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, queue);
	set(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, (int)sequence);
}

/* Another socket with the ends and the sequence numbers of `fd`, which sends no FIN. */
static int replaced(int fd, const struct sockaddr_in *own, const struct sockaddr_in *peer)
{
	int other = socket(AF_INET, SOCK_STREAM, 0);
	uint32_t sent, received;

	set(fd, IPPROTO_TCP, TCP_REPAIR, 1);
	sent = sequence_of(fd, TCP_SEND_QUEUE);
	received = sequence_of(fd, TCP_RECV_QUEUE);
	close(fd);
	set(other, SOL_SOCKET, SO_REUSEADDR, 1);
	set(other, IPPROTO_TCP, TCP_REPAIR, 1);
	set_sequence(other, TCP_SEND_QUEUE, sent);
	set_sequence(other, TCP_RECV_QUEUE, received);
	must(bind(other, (const struct sockaddr *)own, sizeof(*own)));
	must(connect(other, (const struct sockaddr *)peer, sizeof(*peer)));
	set(other, IPPROTO_TCP, TCP_REPAIR, 0);
	return other;
}

int main(int argc, char **argv)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in peer = {.sin_family = AF_INET}, own;
	socklen_t length = sizeof(own);
	static char data[65536];
	size_t left = argc == 2 ? (size_t)atoi(argv[1]) : 0;
	int server;
	ssize_t taken;

	if (left == 0 || left > sizeof(data))
		return 2;
	peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	must(bind(listener, (struct sockaddr *)&peer, sizeof(peer)));
	must(listen(listener, 1));
	must(getsockname(listener, (struct sockaddr *)&peer, &length));
	must(connect(client, (struct sockaddr *)&peer, sizeof(peer)));
	must(getsockname(client, (struct sockaddr *)&own, &length));
	server = accept(listener, NULL, NULL);
	client = replaced(client, &own, &peer);
	must((int)send(client, data, left, 0));
	for (; left > 0; left -= (size_t)taken) {
		taken = recv(server, data, left, 0);
		if (taken <= 0)
			return 1;
	}
	printf("%d\n", ntohs(own.sin_port));
	close(client);
	return 0;
}
