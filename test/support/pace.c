/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pace connect|message|bulk|datagram --count N [--rate N] [--threads N] [--connections N]
 * [--request BYTES] [--response BYTES]: prints one line of JSON.
 */
#include "pace.h"
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct options options = {
	.count = 1000, .threads = 1, .connections = 1, .request = 100, .response = 200};

static const struct load *load;
static pthread_barrier_t start;

struct side {
	int listener;
	struct sockaddr_in address;
	uint64_t *latencies;
	unsigned count;
	uint64_t begin_ns;
};

static struct side sides[MAX_THREADS];

void die(const char *what)
{
	perror(what);
	exit(1);
}

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void parse(int argc, char **argv)
{
	static const struct {
		const char *name;
		size_t offset;
		unsigned long max;
	} numbers[] = {
		{"--count", offsetof(struct options, count), 100000000},
		{"--rate", offsetof(struct options, rate), 10000000},
		{"--threads", offsetof(struct options, threads), MAX_THREADS},
		{"--connections", offsetof(struct options, connections), MAX_CONNECTIONS},
		{"--request", offsetof(struct options, request), MAX_MESSAGE},
		{"--response", offsetof(struct options, response), MAX_MESSAGE},
	};

	load = argc > 1 ? find_load(argv[1]) : 0;
	if (!load)
		die("pace connect|message|bulk|datagram");
	for (int i = 2; i < argc; i += 2) {
		size_t n = 0;

		while (n < 6 && strcmp(numbers[n].name, argv[i]))
			n++;
		if (n == 6 || i + 1 == argc || strtoul(argv[i + 1], 0, 10) > numbers[n].max)
			die(argv[i]);
		*(unsigned *)((char *)&options + numbers[n].offset) =
			(unsigned)strtoul(argv[i + 1], 0, 10);
	}
}

static void bind_side(struct side *side)
{
	socklen_t length = sizeof(side->address);

	side->address = (struct sockaddr_in){.sin_family = AF_INET,
					     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	side->listener = socket(AF_INET, load->type, 0);
	if (bind(side->listener, (struct sockaddr *)&side->address, length) ||
	    (load->type == SOCK_STREAM && listen(side->listener, 4096)) ||
	    getsockname(side->listener, (struct sockaddr *)&side->address, &length))
		die("bind");
}

static void *serve(void *side)
{
	load->serve(((struct side *)side)->listener);
	return 0;
}

static void *run(void *argument)
{
	struct side *side = argument;

	pthread_barrier_wait(&start);
	side->begin_ns = load->run(&side->address, side->count, side->latencies);
	return 0;
}

static void run_threads(void *(*body)(void *))
{
	pthread_t threads[MAX_THREADS];

	for (unsigned i = 0; i < options.threads; i++)
		pthread_create(&threads[i], 0, body, &sides[i]);
	for (unsigned i = 0; i < options.threads; i++)
		pthread_join(threads[i], 0);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static double cpu_seconds(pid_t server)
{
	struct timespec mine, its;
	clockid_t clock;

	if (clock_getcpuclockid(server, &clock) || clock_gettime(clock, &its) ||
	    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &mine))
		die("the clock of a process");
	return (double)(mine.tv_sec + its.tv_sec) + (double)(mine.tv_nsec + its.tv_nsec) / 1e9;
}

static void report(const uint64_t *latencies, unsigned count, uint64_t ns, double cpu)
{
	double us = 1000;

	printf("{\"operations\":%u,\"seconds\":%.6f,\"p50_us\":%.1f,\"p99_us\":%.1f,"
	       "\"cpu_seconds\":%.6f}\n",
	       count, (double)ns / 1e9, (double)latencies[count / 2] / us,
	       (double)latencies[(uint64_t)count * 99 / 100] / us, cpu);
}

int main(int argc, char **argv)
{
	uint64_t *latencies, begin, end;
	unsigned share, count;
	pid_t server;
	double cpu;

	parse(argc, argv);
	share = options.count / options.threads;
	count = share * options.threads;
	latencies = calloc(count, sizeof(*latencies));
	for (unsigned i = 0; i < options.threads; i++) {
		bind_side(&sides[i]);
		sides[i].count = share;
		sides[i].latencies = latencies + (size_t)i * share;
	}
	server = fork();
	if (server == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run_threads(serve);
		pause(); /* its clock is read */
	}
	pthread_barrier_init(&start, 0, options.threads);
	cpu = cpu_seconds(server);
	run_threads(run);
	end = now_ns();
	begin = end;
	for (unsigned i = 0; i < options.threads; i++)
		if (sides[i].begin_ns < begin)
			begin = sides[i].begin_ns;
	cpu = cpu_seconds(server) - cpu;
	qsort(latencies, count, sizeof(*latencies), compare);
	report(latencies, count, end - begin, cpu);
	kill(server, SIGKILL);
	return 0;
}
