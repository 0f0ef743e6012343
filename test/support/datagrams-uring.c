/* SPDX-License-Identifier: Apache-2.0 */
/* One message through a ring of its own. */
#define _GNU_SOURCE
#include "datagrams.h"
#include <errno.h>
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct ring {
	int fd;
	char *submissions;
	char *completions;
	struct io_uring_sqe *entries;
	struct io_uring_params params;
};

static void *map(const struct ring *ring, size_t size, off_t what)
{
	void *at = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, what);

	if (at == MAP_FAILED)
		die("io_uring: %m");
	return at;
}

static size_t submission_size(const struct io_uring_params *params)
{
	return params->sq_off.array + params->sq_entries * sizeof(uint32_t);
}

static size_t completion_size(const struct io_uring_params *params)
{
	return params->cq_off.cqes + params->cq_entries * sizeof(struct io_uring_cqe);
}

static struct ring open_ring(void)
{
	struct ring ring = {};

	ring.fd = (int)syscall(SYS_io_uring_setup, 1, &ring.params);
	if (ring.fd < 0)
		die("io_uring_setup: %m");
	ring.submissions = map(&ring, submission_size(&ring.params), IORING_OFF_SQ_RING);
	ring.completions = map(&ring, completion_size(&ring.params), IORING_OFF_CQ_RING);
	ring.entries = map(&ring, sizeof(*ring.entries), IORING_OFF_SQES);
	return ring;
}

static void close_ring(struct ring *ring)
{
	munmap(ring->submissions, submission_size(&ring->params));
	munmap(ring->completions, completion_size(&ring->params));
	munmap(ring->entries, sizeof(*ring->entries));
	close(ring->fd);
}

/* As sendmsg() and recvmsg(). */
ssize_t uring_message(int fd, struct msghdr *message, int flags, bool sends)
{
	struct ring ring = open_ring();
	_Atomic uint32_t *tail = (_Atomic uint32_t *)(ring.submissions + ring.params.sq_off.tail);
	struct io_uring_cqe *done =
		(struct io_uring_cqe *)(ring.completions + ring.params.cq_off.cqes);
	int result;

	ring.entries->opcode = sends ? IORING_OP_SENDMSG : IORING_OP_RECVMSG;
	ring.entries->fd = fd;
	ring.entries->addr = (uint64_t)(uintptr_t)message;
	ring.entries->len = 1;
	ring.entries->msg_flags = (uint32_t)flags;
	*(uint32_t *)(ring.submissions + ring.params.sq_off.array) = 0;
	*tail = 1;
	if (syscall(SYS_io_uring_enter, ring.fd, 1, 1, IORING_ENTER_GETEVENTS, 0, 0) != 1)
		die("io_uring_enter: %m");
	result = done->res;
	close_ring(&ring);
	if (result >= 0)
		return result;
	errno = -result;
	return -1;
}
