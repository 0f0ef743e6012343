/* SPDX-License-Identifier: Apache-2.0 */
/* connect() and accept() by io_uring, one request at a time, without liburing. */
#define _GNU_SOURCE
#include "puppet.h"
#include <errno.h>
#include <linux/io_uring.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

struct ring {
	int fd;
	struct io_uring_params params;
	char *queues; /* both: IORING_FEAT_SINGLE_MMAP */
	struct io_uring_sqe *entry;
};

static unsigned *at(const struct ring *ring, unsigned offset)
{
	return (unsigned *)(void *)(ring->queues + offset);
}

static size_t queue_bytes(const struct io_uring_params *params)
{
	size_t submitted = params->sq_off.array + params->sq_entries * sizeof(unsigned);
	size_t completed = params->cq_off.cqes + params->cq_entries * sizeof(struct io_uring_cqe);

	return submitted > completed ? submitted : completed;
}

static bool open_ring(struct ring *ring)
{
	const int access = PROT_READ | PROT_WRITE;

	memset(ring, 0, sizeof(*ring));
	ring->fd = (int)syscall(SYS_io_uring_setup, 1, &ring->params);
	if (ring->fd < 0)
		return false;
	ring->queues = mmap(NULL, queue_bytes(&ring->params), access, MAP_SHARED, ring->fd,
			    IORING_OFF_SQ_RING);
	ring->entry =
		mmap(NULL, sizeof(*ring->entry), access, MAP_SHARED, ring->fd, IORING_OFF_SQES);
	return ring->queues != MAP_FAILED && ring->entry != MAP_FAILED;
}

/* Submits the entry and waits for its result. */
static long complete(struct ring *ring)
{
	const struct io_uring_params *params = &ring->params;
	struct io_uring_cqe *done = (void *)(ring->queues + params->cq_off.cqes);

	*at(ring, params->sq_off.array) = 0;
	__atomic_store_n(at(ring, params->sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		return -1;
	if (done->res < 0)
		errno = -done->res;
	return done->res < 0 ? -1 : done->res;
}

static void prepare(struct ring *ring, const struct call *call, unsigned flags_word, int opcode)
{
	memset(ring->entry, 0, sizeof(*ring->entry));
	ring->entry->opcode = (unsigned char)opcode;
	ring->entry->fd = (int)number(call, 1);
	if (call->words[flags_word]) /* a worker of the kernel makes the call */
		ring->entry->flags = IOSQE_ASYNC;
}

/* uring_connect FD ADDRESS PORT [async] */
static long do_connect(struct puppet *self, struct call *call)
{
	struct sockaddr_storage peer;
	struct ring ring;
	long result;

	(void)self;
	if (!open_ring(&ring))
		return -1;
	prepare(&ring, call, 4, IORING_OP_CONNECT);
	ring.entry->off = address_of(word(call, 2), number(call, 3), &peer);
	ring.entry->addr = (unsigned long)&peer;
	result = complete(&ring);
	close(ring.fd);
	return result;
}

/* uring_accept FD [async] */
static long do_accept(struct puppet *self, struct call *call)
{
	struct ring ring;
	long result;

	(void)self;
	if (!open_ring(&ring))
		return -1;
	prepare(&ring, call, 2, IORING_OP_ACCEPT);
	result = complete(&ring);
	close(ring.fd);
	return result;
}

const struct command uring_commands[] = {
	{"uring_connect", do_connect},
	{"uring_accept", do_accept},
	{},
};
