/* SPDX-License-Identifier: Apache-2.0 */
/*
 * puppet: makes the system calls that it is told to, one line of standard input
 * each, and says what they returned, one JSON line each. A puppet can make more of
 * them: processes and threads, which are told by name.
 */
#ifndef PUPPET_H
#define PUPPET_H

#include <stdbool.h>
#include <stddef.h>

enum { MAX_WORDS = 8, MAX_CHILDREN = 64, MAX_LINE = 256, MAX_PATH_TEXT = 64 };

/* What a command has: its words (words[0] is its name), and what it says besides its result. */
struct call {
	char *words[MAX_WORDS + 1]; /* NULL after the last */
	char more[MAX_LINE];	    /* ,"name":value */
};

struct child {
	char name[16];
	int input;
};

struct puppet {
	char path[MAX_PATH_TEXT]; /* "" is the first one, "a.b" is b of a */
	int input;
	unsigned child_count;
	struct child children[MAX_CHILDREN];
};

/* The result of the call; -1 with errno. */
typedef long command_function(struct puppet *self, struct call *call);

struct command {
	const char *name;
	command_function *run;
};

/* Ends with one that has no name. */
extern const struct command socket_commands[];
extern const struct command data_commands[];
extern const struct command task_commands[];
extern const struct command uring_commands[];

__attribute__((noreturn)) void puppet_die(const char *what);
__attribute__((noreturn)) void serve(struct puppet *self);
void say(const struct puppet *self, const struct call *call, long result);
long number(const struct call *call, unsigned word);
const char *word(const struct call *call, unsigned index);

/* puppet-sockets.c */
struct sockaddr_storage;
unsigned address_of(const char *text, long port, struct sockaddr_storage *to);

#endif
