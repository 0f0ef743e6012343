/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pace: a load to measure under, and how fast it went: a client and a server, two processes
 * on loopback. Each operation is timed, from when it was due.
 */
#ifndef PACE_H
#define PACE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

enum { MAX_THREADS = 8, MAX_CONNECTIONS = 19000, MAX_MESSAGE = 65536 };

struct options {
	unsigned count;	      /* operations; bulk: writes */
	unsigned rate;	      /* operations a second, of all threads; 0: as many as go */
	unsigned threads;     /* of each process */
	unsigned connections; /* that are open, of each thread */
	unsigned request;     /* bytes */
	unsigned response;
};

extern struct options options;

/* pace.c */
__attribute__((noreturn)) void die(const char *what);
uint64_t now_ns(void);

/* pace-loads.c: one thread each. `address` is where the server of the same thread is. */
struct load {
	const char *name;
	int type; /* SOCK_STREAM, SOCK_DGRAM */
	void (*serve)(int fd);
	/* Notes the nanoseconds of each operation. Returns when the first one began. */
	uint64_t (*run)(const struct sockaddr_in *address, unsigned count, uint64_t *latencies);
};

const struct load *find_load(const char *name);

#endif
