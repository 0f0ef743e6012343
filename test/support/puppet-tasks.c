/* SPDX-License-Identifier: Apache-2.0 */
/* Processes, threads, and sockets on their way between them. */
#define _GNU_SOURCE
#include "puppet.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The new one has the read end of its pipe, which stays open over exec(). */
static struct puppet *new_puppet(struct puppet *self, const char *name)
{
	struct puppet *made = calloc(1, sizeof(*made));
	struct child *child = &self->children[self->child_count];
	int ends[2];

	if (!made || self->child_count == MAX_CHILDREN || pipe(ends))
		puppet_die(name);
	fcntl(ends[1], F_SETFD, FD_CLOEXEC);
	if (snprintf(made->path, sizeof(made->path), "%s%s%s", self->path, *self->path ? "." : "",
		     name) >= (int)sizeof(made->path))
		puppet_die(name);
	snprintf(child->name, sizeof(child->name), "%s", name);
	child->input = ends[1];
	made->input = ends[0];
	self->child_count++;
	return made;
}

static void *run_thread(void *argument)
{
	serve(argument);
}

static long do_thread(struct puppet *self, struct call *call)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, run_thread, new_puppet(self, word(call, 1)));
	return errno ? -1 : 0;
}

/* The child of fork() keeps the write ends of its brothers otherwise, and they never see an end. */
static __attribute__((noreturn)) void be_child(struct puppet *self, struct puppet *made)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(90);
	for (unsigned i = 0; i < self->child_count; i++)
		close(self->children[i].input);
	serve(made);
}

/* The result is the process id. */
static long do_fork(struct puppet *self, struct call *call)
{
	struct puppet *made = new_puppet(self, word(call, 1));
	pid_t pid = fork();

	if (pid == 0)
		be_child(self, made);
	close(made->input);
	return pid;
}

/* A process of its own, with the same file table. */
static long do_clone_files(struct puppet *self, struct call *call)
{
	struct puppet *made = new_puppet(self, word(call, 1));
	long pid = syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(made);
	}
	return pid;
}

static __attribute__((noreturn)) void become_anew(const char *path, int input)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", input);
	execl("/proc/self/exe", "puppet", path, text, NULL);
	puppet_die("exec");
}

/* vfork() and exec(): what posix_spawn() and most shells do. The child says when it is there. */
static long do_spawn(struct puppet *self, struct call *call)
{
	struct puppet *made = new_puppet(self, word(call, 1));
	pid_t pid = vfork();

	if (pid == 0)
		become_anew(made->path, made->input);
	close(made->input);
	return pid;
}

/* Its answer comes from the new program. */
static long do_exec(struct puppet *self, struct call *call)
{
	(void)call;
	become_anew(self->path, self->input);
}

static long do_rename(struct puppet *self, struct call *call)
{
	(void)self;
	return prctl(PR_SET_NAME, word(call, 1));
}

static long do_set_uid(struct puppet *self, struct call *call)
{
	uid_t uid = (uid_t)number(call, 1);

	(void)self;
	return setresuid(uid, uid, uid);
}

/* Without an answer. */
static long do_exit(struct puppet *self, struct call *call)
{
	(void)self;
	(void)call;
	_exit(0);
}

/* connect_and_exit FD ADDRESS PORT: nothing of it is left when it answers. */
static long do_connect_and_exit(struct puppet *self, struct call *call)
{
	struct sockaddr_storage peer;
	unsigned length = address_of(word(call, 2), number(call, 3), &peer);
	long result = connect((int)number(call, 1), (struct sockaddr *)&peer, length);

	say(self, call, result);
	_exit(0);
}

/* The result and `other` are the two ends. */
static long do_pair(struct puppet *self, struct call *call)
{
	int ends[2];

	(void)self;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		return -1;
	sprintf(call->more, ",\"other\":%d", ends[1]);
	return ends[0];
}

union rights {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr header;
};

/* pass OVER FD */
static long do_pass(struct puppet *self, struct call *call)
{
	int fd = (int)number(call, 2);
	struct iovec byte = {.iov_base = "x", .iov_len = 1};
	union rights rights = {};
	struct msghdr message = {.msg_iov = &byte, .msg_iovlen = 1};

	(void)self;
	message.msg_control = &rights;
	message.msg_controllen = sizeof(rights);
	rights.header.cmsg_level = SOL_SOCKET;
	rights.header.cmsg_type = SCM_RIGHTS;
	rights.header.cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(&rights.header), &fd, sizeof(fd));
	return sendmsg((int)number(call, 1), &message, 0);
}

/* take OVER: the result is the file that was passed */
static long do_take(struct puppet *self, struct call *call)
{
	char text;
	struct iovec byte = {.iov_base = &text, .iov_len = 1};
	union rights rights = {};
	struct msghdr message = {.msg_iov = &byte, .msg_iovlen = 1};
	int fd;

	(void)self;
	message.msg_control = &rights;
	message.msg_controllen = sizeof(rights);
	if (recvmsg((int)number(call, 1), &message, 0) < 0)
		return -1;
	memcpy(&fd, CMSG_DATA(&rights.header), sizeof(fd));
	return fd;
}

/* The inode number of its network namespace. */
static long do_netns(struct puppet *self, struct call *call)
{
	struct stat netns;

	(void)self;
	(void)call;
	return stat("/proc/self/ns/net", &netns) ? -1 : (long)netns.st_ino;
}

const struct command task_commands[] = {
	{"thread", do_thread},
	{"fork", do_fork},
	{"clone_files", do_clone_files},
	{"spawn", do_spawn},
	{"exec", do_exec},
	{"rename", do_rename},
	{"set_uid", do_set_uid},
	{"exit", do_exit},
	{"connect_and_exit", do_connect_and_exit},
	{"pair", do_pair},
	{"pass", do_pass},
	{"take", do_take},
	{"netns", do_netns},
	{},
};
