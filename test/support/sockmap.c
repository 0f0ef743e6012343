/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sockmap COUNT BYTES: a connection to itself of which both sockets are in a sockmap. What the
 * client sends goes past TCP into the queue of the server: COUNT times BYTES. Says both ports, and
 * closes when it is told to, by a line.
 */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int bpf(int command, union bpf_attr *attr)
{
	long result = syscall(SYS_bpf, command, attr, sizeof(*attr));

	if (result < 0) {
		perror("bpf");
		exit(1);
	}
	return (int)result;
}

static int make_map(void)
{
	union bpf_attr attr = {.map_type = BPF_MAP_TYPE_SOCKMAP};

	attr.key_size = 4;
	attr.value_size = 4;
	attr.max_entries = 2;
	return bpf(BPF_MAP_CREATE, &attr);
}

/* return bpf_msg_redirect_map(msg, map, 1, BPF_F_INGRESS): to the socket with key 1. */
static void redirect(int map)
{
	struct bpf_insn program[] = {
		{.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = 2, .src_reg = BPF_PSEUDO_MAP_FD},
		{0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = 1},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 4, .imm = BPF_F_INGRESS},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_msg_redirect_map},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr load = {.prog_type = BPF_PROG_TYPE_SK_MSG};
	union bpf_attr attach = {.target_fd = (uint32_t)map};

	program[0].imm = map;
	load.insns = (uint64_t)(uintptr_t)program;
	load.insn_cnt = sizeof(program) / sizeof(program[0]);
	load.license = (uint64_t)(uintptr_t) "GPL";
	attach.attach_bpf_fd = (uint32_t)bpf(BPF_PROG_LOAD, &load);
	attach.attach_type = BPF_SK_MSG_VERDICT;
	bpf(BPF_PROG_ATTACH, &attach);
}

static void put(int map, uint32_t key, int fd)
{
	union bpf_attr attr = {.map_fd = (uint32_t)map};

	attr.key = (uint64_t)(uintptr_t)&key;
	attr.value = (uint64_t)(uintptr_t)&fd;
	bpf(BPF_MAP_UPDATE_ELEM, &attr);
}

static void move(int from, int to, size_t bytes)
{
	static char data[65536];
	ssize_t taken;

	if (bytes > sizeof(data) || send(from, data, bytes, 0) != (ssize_t)bytes)
		exit(1);
	for (; bytes > 0; bytes -= (size_t)taken) {
		taken = recv(to, data, bytes, 0);
		if (taken <= 0)
			exit(1);
	}
}

static int port_of(int fd)
{
	struct sockaddr_in own;
	socklen_t length = sizeof(own);

	if (getsockname(fd, (struct sockaddr *)&own, &length))
		exit(1);
	return ntohs(own.sin_port);
}

int main(int argc, char **argv)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in own = {.sin_family = AF_INET};
	int server, map;
	char line[2];

	if (argc != 3)
		return 2;
	own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&own, sizeof(own)) || listen(listener, 1))
		return 1;
	own.sin_port = htons((uint16_t)port_of(listener));
	if (connect(client, (struct sockaddr *)&own, sizeof(own)))
		return 1;
	server = accept(listener, NULL, NULL);
	map = make_map();
	redirect(map);
	put(map, 0, client);
	put(map, 1, server);
	for (int i = 0; i < atoi(argv[1]); i++)
		move(client, server, (size_t)atoi(argv[2]));
	printf("%d %d\n", port_of(client), port_of(listener));
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	close(client);
	close(server);
	return 0;
}
