/* SPDX-License-Identifier: Apache-2.0 */
/*
 * datagrams NAME: reads lines of standard input, and answers each with one of JSON.
 *
 *   open inet|inet6 [raw|udplite]        a new socket; sockets are numbered from 0
 *   bind|connect SOCKET ADDRESS PORT     disconnect|shutdown|close SOCKET
 *   set SOCKET reuseport|segment|receive-buffer VALUE
 *   send SOCKET COUNT BYTES HOW [ADDRESS PORT]
 *   fan inet|inet6 COUNT BYTES send|sendto ADDRESS PORT    a datagram from each of COUNT sockets
 *   receive SOCKET COUNT BYTES HOW [peek|truncate|now]...  into a buffer of so many bytes
 *   peek SOCKET BYTES
 *   drain SOCKET BYTES HOW               until the next line is there, and the queue is empty
 *   give|take [SOCKET] NAME              shares a socket with another process
 *   parallel THREADS own|shared LINE     the same with sockets of each thread's own, or with one
 *   truth                                what was done so far; so does the end of the input
 */
#define _GNU_SOURCE
#include "datagrams.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

struct op {
	const char *name;
	int least_words;
	void (*run)(const struct words *words, struct result *result);
};

static const struct op ops[] = {
	{"open", 2, op_open},	    {"bind", 4, op_bind},
	{"connect", 4, op_connect}, {"disconnect", 2, op_disconnect},
	{"set", 4, op_set},	    {"shutdown", 2, op_shutdown},
	{"close", 2, op_close},	    {"send", 5, op_send},
	{"fan", 7, op_fan},	    {"receive", 5, op_receive},
	{"drain", 4, op_drain},	    {"give", 3, op_give},
	{"take", 2, op_take},	    {"peek", 3, op_peek},
};

struct job {
	pthread_t thread;
	struct words words;
	struct result result;
	char socket[12];
};

static void run(const struct words *words, struct result *result)
{
	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
		if (strcmp(words->at[0], ops[i].name) != 0)
			continue;
		if (words->count < ops[i].least_words)
			die("%s wants %d words", ops[i].name, ops[i].least_words);
		ops[i].run(words, result);
		return;
	}
	die("no such line: %s", words->at[0]);
}

static void *run_job(void *argument)
{
	struct job *job = argument;

	prctl(PR_SET_NAME, "a-thread"); /* which is not the name of the process */
	run(&job->words, &job->result);
	return 0;
}

/* parallel THREADS own|shared OP SOCKET … */
static void run_parallel(const struct words *words, struct result *result)
{
	static struct job jobs[MAX_THREADS];
	int threads = number(words->at[1], 1, MAX_THREADS);
	bool own = strcmp(words->at[2], "own") == 0;
	int first = number(words->at[4], 0, MAX_SOCKETS - 1);

	memset(jobs, 0, sizeof(jobs));
	for (int i = 0; i < threads; i++) {
		jobs[i].words.count = words->count - 3;
		memcpy(jobs[i].words.at, words->at + 3, (words->count - 3) * sizeof(char *));
		snprintf(jobs[i].socket, sizeof(jobs[i].socket), "%d", own ? first + i : first);
		jobs[i].words.at[1] = jobs[i].socket;
		if (pthread_create(&jobs[i].thread, 0, run_job, &jobs[i]))
			die("no thread");
	}
	for (int i = 0; i < threads; i++) {
		pthread_join(jobs[i].thread, 0);
		result->datagrams += jobs[i].result.datagrams;
		result->bytes += jobs[i].result.bytes;
		if (jobs[i].result.error)
			result->error = jobs[i].result.error;
	}
}

static void run_line(char *line)
{
	struct words words = {};
	struct result result = {.socket = -1};
	uint64_t before_ns = now_ns();
	char *rest = line, *word;

	while (words.count < MAX_WORDS && (word = strsep(&rest, " \n")))
		if (*word)
			words.at[words.count++] = word;
	if (words.count == 0)
		return;
	if (strcmp(words.at[0], "truth") == 0) {
		print_truth();
		return;
	}
	if (strcmp(words.at[0], "parallel") == 0 && words.count >= 5)
		run_parallel(&words, &result);
	else
		run(&words, &result);
	print_result(words.at[0], &result, before_ns);
}

int main(int argc, char **argv)
{
	struct rlimit files = {MAX_SOCKETS + 64, MAX_SOCKETS + 64};
	char *line = 0;
	size_t size = 0;

	if (argc != 2)
		die("usage: datagrams NAME");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, argv[1]);
	setrlimit(RLIMIT_NOFILE, &files);
	setvbuf(stdin, 0, _IONBF, 0); /* op_drain() asks the descriptor whether there is a line */
	while (getline(&line, &size, stdin) > 0)
		run_line(line);
	print_truth();
	return 0;
}
