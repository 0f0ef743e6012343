/*
 * refuse RULE… -- COMMAND…: becomes COMMAND, of which the kernel refuses some calls of bpf(2), with
 * EPERM, as the filters of containers and some builds of the kernel do. A RULE is prog_load or
 * test_run (every one of these calls), or iterator=ID: programs of type tracing that are iterators
 * of the kernel's type ID.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ITER_ATTACH_TYPE = 28 /* BPF_TRACE_ITER */, STACK_BYTES = 65536 };

struct rules {
	int prog_load;
	int test_run;
	uint32_t iterator; /* 0: none */
};

/* What the answering process shares with the one that becomes COMMAND, until that does. */
struct answering {
	struct rules rules;
	int listener; /* -1 until the filter is there */
};

static void fail(const char *what)
{
	perror(what);
	exit(125);
}

/* bpf(2) has its command in the first argument; of a load it depends on what is loaded. */
static int install(const struct rules *rules)
{
	uint32_t of_load = rules->iterator ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ALLOW;
	uint32_t refuse = SECCOMP_RET_ERRNO | EPERM;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_bpf, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, BPF_PROG_LOAD, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, rules->prog_load ? refuse : of_load),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, BPF_PROG_TEST_RUN, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, rules->test_run ? refuse : SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
	int flags = rules->iterator ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		fail("no_new_privs");
	return syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static int is_refused(const struct rules *rules, const struct seccomp_notif *call)
{
	union bpf_attr attr = {};
	char path[64];
	int memory, count;

	snprintf(path, sizeof(path), "/proc/%u/mem", call->pid);
	memory = open(path, O_RDONLY | O_CLOEXEC);
	if (memory < 0)
		return 0;
	count = pread(memory, &attr, sizeof(attr), call->data.args[1]);
	close(memory);
	return count > 0 && attr.prog_type == BPF_PROG_TYPE_TRACING &&
	       attr.expected_attach_type == ITER_ATTACH_TYPE &&
	       attr.attach_btf_id == rules->iterator;
}

/* Of every load, until nobody is left that could. */
static void answer(const struct rules *rules, int listener)
{
	struct pollfd ready = {.fd = listener, .events = POLLIN};

	while (poll(&ready, 1, -1) >= 0 && ready.revents & POLLIN) {
		struct seccomp_notif call = {};
		struct seccomp_notif_resp response = {};

		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call))
			continue;
		response.id = call.id;
		if (is_refused(rules, &call))
			response.error = -EPERM;
		else
			response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
	}
}

static int answering_process(void *argument)
{
	struct answering *shared = argument;

	while (__atomic_load_n(&shared->listener, __ATOMIC_ACQUIRE) < 0)
		sched_yield();
	answer(&shared->rules, shared->listener);
	_exit(0);
}

/* A table of files that is shared until COMMAND is executed hands it the listener. */
static void start_answering(struct answering *shared)
{
	char *stack = malloc(STACK_BYTES);

	if (!stack ||
	    clone(answering_process, stack + STACK_BYTES, CLONE_FILES | CLONE_VM, shared) < 0)
		fail("clone");
}

static void read_rule(struct rules *rules, const char *text)
{
	static const char ITERATOR[] = "iterator=";

	if (!strcmp(text, "prog_load"))
		rules->prog_load = 1;
	else if (!strcmp(text, "test_run"))
		rules->test_run = 1;
	else if (!strncmp(text, ITERATOR, sizeof(ITERATOR) - 1))
		rules->iterator = strtoul(text + sizeof(ITERATOR) - 1, 0, 10);
	else
		fail(text);
}

int main(int argc, char **argv)
{
	static struct answering shared = {.listener = -1};
	int at = 1, listener;

	for (; at < argc && strcmp(argv[at], "--"); at++)
		read_rule(&shared.rules, argv[at]);
	if (at + 1 >= argc)
		fail("refuse RULE... -- COMMAND...");
	if (shared.rules.iterator)
		start_answering(&shared);
	listener = install(&shared.rules);
	if (listener < 0)
		fail("seccomp");
	if (shared.rules.iterator)
		__atomic_store_n(&shared.listener, listener, __ATOMIC_RELEASE);
	execvp(argv[at + 1], argv + at + 1);
	fail(argv[at + 1]);
}
