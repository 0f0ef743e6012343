/* SPDX-License-Identifier: Apache-2.0 */
/* Reads lines `NAME COMMAND WORD…`: for itself (`.`), or for a puppet that it has made. */
#define _GNU_SOURCE
#include "puppet.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LIFE_S = 90 };

void puppet_die(const char *what)
{
	fprintf(stderr, "puppet: %s: %s\n", what, strerror(errno));
	_exit(1);
}

const char *word(const struct call *call, unsigned index)
{
	for (unsigned i = 0; i <= index; i++)
		if (!call->words[i])
			puppet_die("a word is missing");
	return call->words[index];
}

long number(const struct call *call, unsigned index)
{
	return strtol(word(call, index), NULL, 10);
}

/* In one write(), as all puppets share standard output. */
void say(const struct puppet *self, const struct call *call, long result)
{
	const char *error = result < 0 ? strerrorname_np(errno) : NULL;
	char line[2 * MAX_LINE];
	int length;

	length = snprintf(
		line, sizeof(line),
		"{\"who\":\"%s\",\"pid\":%d,\"tid\":%ld,\"result\":%ld,\"error\":%s%s%s%s}\n",
		self->path, getpid(), syscall(SYS_gettid), result, error ? "\"" : "",
		error ? error : "null", error ? "\"" : "", call->more);
	if (write(STDOUT_FILENO, line, (size_t)length) != length)
		puppet_die("standard output");
}

/* Byte by byte: what comes after the line may be for somebody else. False at the end. */
static bool read_line(int input, char line[MAX_LINE])
{
	size_t length = 0;

	while (length < MAX_LINE - 1 && read(input, &line[length], 1) == 1) {
		if (line[length] == '\n') {
			line[length] = 0;
			return true;
		}
		length++;
	}
	return false;
}

/* True where the line is for a child; `a.b accept 3` goes to a as `b accept 3`. */
static bool pass_on(struct puppet *self, const char *line)
{
	size_t length = strcspn(line, ". ");
	char passed[MAX_LINE + 2];
	int size;

	if (line[0] == '.')
		return false;
	size = snprintf(passed, sizeof(passed), "%s%s\n", line[length] == '.' ? "" : ".",
			line + length + (line[length] == '.'));
	for (unsigned i = 0; i < self->child_count; i++) {
		const struct child *child = &self->children[i];

		if (strlen(child->name) != length || strncmp(child->name, line, length))
			continue;
		if (write(child->input, passed, (size_t)size) != size)
			puppet_die(line);
		return true;
	}
	errno = ENOENT;
	puppet_die(line);
}

static command_function *find_command(const char *name)
{
	static const struct command *const all[] = {socket_commands, data_commands, task_commands,
						    uring_commands};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		for (const struct command *command = all[i]; command->name; command++)
			if (strcmp(command->name, name) == 0)
				return command->run;
	errno = ENOSYS;
	puppet_die(name);
}

static void obey(struct puppet *self, char *line)
{
	struct call call = {};
	unsigned count = 0;
	char *rest = NULL;

	strtok_r(line, " ", &rest); /* the name */
	for (char *text = strtok_r(NULL, " ", &rest); text && count < MAX_WORDS;
	     text = strtok_r(NULL, " ", &rest))
		call.words[count++] = text;
	say(self, &call, find_command(word(&call, 0))(self, &call));
}

void serve(struct puppet *self)
{
	char line[MAX_LINE];

	while (read_line(self->input, line))
		if (!pass_on(self, line))
			obey(self, line);
	_exit(0);
}

/* With arguments it goes on as the puppet that has called exec(): its path, its input. */
int main(int argc, char **argv)
{
	struct puppet self = {.input = STDIN_FILENO};

	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(LIFE_S);
	if (argc == 3) {
		struct call none = {};

		snprintf(self.path, sizeof(self.path), "%s", argv[1]);
		self.input = atoi(argv[2]);
		say(&self, &none, 0);
	}
	serve(&self);
}
