/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets, and moving bytes through them in the ways that there are. */
#define _GNU_SOURCE
#include "traffic.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

static char payload[CHUNK];
static int payload_file = -1, null_file = -1;
static int splice_pipe[2] = {-1, -1};

void prepare_buffers(void)
{
	memset(payload, 'x', sizeof(payload));
	if (options.sendfile || options.splice) {
		payload_file = memfd_create("payload", MFD_CLOEXEC);
		if (payload_file < 0 || write(payload_file, payload, CHUNK) != CHUNK)
			die("payload file: %m");
	}
	if (options.splice) {
		null_file = open("/dev/null", O_WRONLY | O_CLOEXEC);
		if (null_file < 0 || pipe2(splice_pipe, O_CLOEXEC))
			die("pipe: %m");
	}
}

/* `turn` counts up through the addresses of --spread. */
static socklen_t parse_address(const char *text, unsigned port, unsigned turn,
			       struct sockaddr_storage *to)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)to;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)to;
	uint32_t add = turn % options.spread, last;

	memset(to, 0, sizeof(*to));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		v4->sin_addr.s_addr = htonl(ntohl(v4->sin_addr.s_addr) + add);
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, text, &v6->sin6_addr) != 1)
		die("%s: not an address", text);
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons((uint16_t)port);
	memcpy(&last, &v6->sin6_addr.s6_addr[12], 4);
	last = htonl(ntohl(last) + add);
	memcpy(&v6->sin6_addr.s6_addr[12], &last, 4);
	return sizeof(*v6);
}

int open_socket(const char *address)
{
	int fd = socket(strchr(address, ':') ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int no = 0;

	if (fd < 0)
		die("socket: %m");
	if (strchr(address, ':'))
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
	return fd;
}

static void enable_fastopen(int fd, int option, int value)
{
	if (options.fastopen && setsockopt(fd, IPPROTO_TCP, option, &value, sizeof(value)))
		die("TCP fast open: %m");
}

/* Several sockets can be bound to one port; only one of them can connect to a given peer. */
static void bind_local_port(int fd, const char *address, unsigned port)
{
	struct sockaddr_storage own;
	socklen_t length = parse_address(address, port, 0, &own);
	int yes = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, (struct sockaddr *)&own, length))
		die("bind to %s port %u: %m", address, port);
}

/* A socket that is ready to connect to the address. */
int open_client(const char *address)
{
	int fd = open_socket(address);

	if (options.local_port)
		bind_local_port(fd, address, options.local_port);
	enable_fastopen(fd, TCP_FASTOPEN_CONNECT, 1);
	return fd;
}

/* A backlog below 0: the port is bound, and refuses connections. */
int open_listener(const char *address, unsigned port, int backlog, uint16_t *chosen)
{
	struct sockaddr_storage own;
	socklen_t length = parse_address(address, port, 0, &own);
	int fd = open_socket(address), yes = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	enable_fastopen(fd, TCP_FASTOPEN, 4096);
	if (bind(fd, (struct sockaddr *)&own, length) || (backlog >= 0 && listen(fd, backlog)) ||
	    getsockname(fd, (struct sockaddr *)&own, &length) || fcntl(fd, F_SETFL, O_NONBLOCK))
		die("listen on %s port %u: %m", address, port);
	*chosen = ntohs(((struct sockaddr_in *)&own)->sin_port); /* the same place in IPv6 */
	return fd;
}

static void remember_local_port(int fd)
{
	struct sockaddr_in6 own;
	socklen_t length = sizeof(own);
	uint32_t index;

	if (truth.local_ports >= MAX_PORTS)
		return;
	index = truth.local_ports++;
	if (index < MAX_PORTS && getsockname(fd, (struct sockaddr *)&own, &length) == 0)
		truth.local_port[index] = ntohs(own.sin6_port);
}

/* 0 or an errno; counted. EINPROGRESS is not counted: nothing is decided yet. */
int connect_once(int fd, const char *address, unsigned port, unsigned turn)
{
	struct sockaddr_storage peer;
	socklen_t length = parse_address(address, port, turn, &peer);

	if (connect(fd, (struct sockaddr *)&peer, length)) {
		int error = errno;

		if (error != EINPROGRESS)
			count_error(truth.failed, error);
		return error;
	}
	truth.opened++;
	remember_local_port(fd);
	return 0;
}

void close_with_reset(int fd)
{
	struct linger reset = {.l_onoff = 1, .l_linger = 0};

	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)))
		die("SO_LINGER: %m");
	close(fd);
}

void disconnect(int fd)
{
	struct sockaddr none = {.sa_family = AF_UNSPEC};

	if (connect(fd, &none, sizeof(none)))
		die("connect to AF_UNSPEC: %m");
}

static ssize_t send_some(int fd, size_t amount)
{
	off_t start = 0;
	ssize_t piped, sent, moved;

	if (options.sendfile)
		return sendfile(fd, payload_file, &start, amount);
	if (!options.splice)
		return send(fd, payload, amount, MSG_NOSIGNAL);
	piped = splice(payload_file, &start, splice_pipe[1], NULL, amount, 0);
	if (piped <= 0)
		die("splice from a file: %m");
	for (sent = 0; sent < piped; sent += moved) {
		moved = splice(splice_pipe[0], NULL, fd, NULL, (size_t)(piped - sent), 0);
		if (moved <= 0)
			die("splice to a socket: %m");
	}
	return sent;
}

static ssize_t receive_some(int fd, size_t amount)
{
	char taken[CHUNK];
	ssize_t piped, left, moved;

	if (options.peek && recv(fd, taken, amount, MSG_PEEK) < 0)
		return -1;
	if (!options.splice)
		return recv(fd, taken, amount, 0);
	piped = splice(fd, NULL, splice_pipe[1], NULL, amount, 0);
	for (left = piped; left > 0; left -= moved) {
		moved = splice(splice_pipe[0], NULL, null_file, NULL, (size_t)left, 0);
		if (moved <= 0)
			die("splice to /dev/null: %m");
	}
	return piped;
}

bool send_bytes(int fd, uint64_t amount)
{
	while (amount) {
		ssize_t sent = send_some(fd, amount < CHUNK ? amount : CHUNK);

		if (sent < 0) {
			count_error(truth.interrupted, errno);
			return false;
		}
		truth.bytes_sent += (uint64_t)sent;
		amount -= (uint64_t)sent;
	}
	return true;
}

bool receive_bytes(int fd, uint64_t amount)
{
	while (amount) {
		ssize_t received = receive_some(fd, amount < CHUNK ? amount : CHUNK);

		if (received < 0)
			count_error(truth.interrupted, errno);
		if (received <= 0)
			return false;
		truth.bytes_received += (uint64_t)received;
		amount -= (uint64_t)received;
	}
	return true;
}

void receive_until_end(int fd)
{
	receive_bytes(fd, UINT64_MAX);
}
