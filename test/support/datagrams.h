/* SPDX-License-Identifier: Apache-2.0 */
/*
 * datagrams: a process that makes the socket calls which it is told, a line each, and says
 * what they returned. What it adds up is what it sent and received, as it saw it.
 */
#ifndef DATAGRAMS_H
#define DATAGRAMS_H

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

enum {
	MAX_SOCKETS = 20000,
	MAX_WORDS = 24,
	MAX_THREADS = 16,
	MAX_ERRNO = 134,
	MAX_DATAGRAM = 65536,
	BATCH = 8, /* of sendmmsg() and recvmmsg() */
	TIMEOUT_S = 20,
};

/* What the process did. Threads add to it. */
struct truth {
	_Atomic uint64_t datagrams_sent;
	_Atomic uint64_t bytes_sent;
	_Atomic uint64_t datagrams_received;
	_Atomic uint64_t bytes_received;
	_Atomic uint64_t failed[MAX_ERRNO]; /* calls, by errno */
};

struct words {
	int count;
	char *at[MAX_WORDS];
};

struct address {
	struct sockaddr_storage storage;
	socklen_t length; /* 0: none */
};

/* Of one line. */
struct result {
	uint64_t datagrams;
	uint64_t bytes;
	int error;  /* errno of the call that ended it; 0: none */
	int socket; /* the last that was opened, or used; -1: none */
	struct address peer;
};

extern struct truth truth;

/* datagrams-truth.c */
__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...);
void count_error(struct result *result, int error);
void print_truth(void);
void print_result(const char *op, const struct result *result, uint64_t before_ns);
uint64_t now_ns(void);

/* datagrams-net.c */
int socket_at(const char *word);
int number(const char *word, int least, int most);
struct address address_for(int fd, const char *text, const char *port);
void op_open(const struct words *words, struct result *result);
void op_bind(const struct words *words, struct result *result);
void op_connect(const struct words *words, struct result *result);
void op_disconnect(const struct words *words, struct result *result);
void op_set(const struct words *words, struct result *result);
void op_shutdown(const struct words *words, struct result *result);
void op_close(const struct words *words, struct result *result);

/* datagrams-share.c */
int keep(int fd);
void op_give(const struct words *words, struct result *result);
void op_take(const struct words *words, struct result *result);

/* datagrams-send.c */
void op_send(const struct words *words, struct result *result);
void op_fan(const struct words *words, struct result *result);

/* datagrams-receive.c */
void op_peek(const struct words *words, struct result *result);
void op_receive(const struct words *words, struct result *result);
void op_drain(const struct words *words, struct result *result);

/* datagrams-uring.c */
ssize_t uring_message(int fd, struct msghdr *message, int flags, bool sends);

#endif
