/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traffic: makes real TCP connections, and says what its programs really did, as
 * they saw it: what connect(), accept(), send() and recv() returned.
 */
#ifndef TRAFFIC_H
#define TRAFFIC_H

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

enum {
	MAX_PORTS = 64, /* listening ports, and client ports that are remembered */
	MAX_CLIENTS = 16,
	MAX_THREADS = 16,
	MAX_WORKERS = 16,
	MAX_HELD = 9000, /* connections held by one process: RLIMIT_NOFILE */
	MAX_COUNT = 1000000,
	MAX_ERRNO = 134,
	CHUNK = 65536,
};

enum mode { MODE_CHURN, MODE_SERVE, MODE_CLIENT, MODE_HOLD, MODE_REFUSED, MODE_ABANDONED };

enum close_mode {
	CLOSE_CLIENT,	  /* the client first */
	CLOSE_SERVER,	  /* the server first */
	CLOSE_RST,	  /* the client with SO_LINGER 0 */
	CLOSE_RST_UNREAD, /* the server, with half of the request unread */
	CLOSE_HALF,	  /* the client shuts down its side, and reads the answer then */
	CLOSE_DISCONNECT, /* the client with connect(AF_UNSPEC), on one socket for all */
};

struct options {
	enum mode mode;
	enum close_mode close;
	const char *listen;
	const char *connect;
	char server_name[16];
	char client_name[16];
	unsigned count;
	unsigned request;  /* bytes */
	unsigned response; /* bytes */
	unsigned port;	   /* the first of `ports`; 0: any */
	unsigned ports;
	unsigned spread; /* consecutive IPv4 addresses to connect to */
	unsigned clients;
	unsigned threads; /* of each process */
	unsigned workers; /* processes that accept from the server's listeners in its place */
	unsigned steps;
	unsigned every_ms;
	unsigned user_timeout_ms;
	unsigned local_port; /* of every client socket; 0: any */
	unsigned timeout_s;
	bool wait;
	bool sendfile;
	bool splice;
	bool peek;
	bool fastopen; /* the request in the SYN: RFC 7413 */
};

/* What one process did. Threads add to it. */
struct truth {
	_Atomic uint64_t opened;
	_Atomic uint64_t closed;
	_Atomic uint64_t bytes_sent;
	_Atomic uint64_t bytes_received;
	_Atomic uint64_t abandoned;		 /* closed while connecting */
	_Atomic uint64_t failed[MAX_ERRNO];	 /* connect() or accept() */
	_Atomic uint64_t interrupted[MAX_ERRNO]; /* send() or recv() */
	_Atomic uint32_t local_ports;
	uint16_t local_port[MAX_PORTS];
};

/* How the coordinator and one child speak: a byte for a step, end of file to finish. */
struct child {
	const char *role;
	pid_t pid;
	int control;
	int report;
};

extern struct options options;
extern struct truth truth;

/* traffic-options.c */
void parse_options(int argc, char **argv);

/* traffic-truth.c */
__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...);
__attribute__((format(printf, 1, 2))) void print_line(const char *format, ...);
void print_truth(const char *role, bool is_final);
void count_error(_Atomic uint64_t *counts, int error);

/* traffic-net.c */
void prepare_buffers(void);
int open_listener(const char *address, unsigned port, int backlog, uint16_t *chosen);
int open_socket(const char *address);
int open_client(const char *address);
int connect_once(int fd, const char *address, unsigned port, unsigned turn);
void close_with_reset(int fd);
void disconnect(int fd);
bool send_bytes(int fd, uint64_t amount);
bool receive_bytes(int fd, uint64_t amount);
void receive_until_end(int fd);

/* traffic-churn.c */
void churn_server(const int *listeners, unsigned count, int control);
void churn_client(const uint16_t *ports, unsigned count);
void churn_workers(const int *listeners, unsigned count, int control);
int accept_one(const int *listeners, int control);

/* traffic-hold.c */
void hold_server(const int *listeners, int control, int report);
void hold_client(const uint16_t *ports, int control, int report);
void refused_client(void);
void abandoned_client(void);
void run_threads(void *(*body)(void *), void *argument);

#endif
