/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load OBJECT PROGRAM…: opens, loads and attaches them with libbpf alone, which is the least that
 * a start can take. Says "ready" when they are attached, and keeps them until it is ended.
 */
#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_among(char **names, const char *name)
{
	for (; *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

/* An iterator wants to know which map, and a cgroup program which cgroup. */
static bool is_simple(const char *section)
{
	return strncmp(section, "iter/", 5) != 0 && strncmp(section, "cgroup/", 7) != 0;
}

int main(int argc, char **argv)
{
	struct bpf_object *object;
	struct bpf_program *program;

	if (argc < 3)
		return 2;
	object = bpf_object__open_file(argv[1], NULL);
	if (!object)
		return 1;
	bpf_object__for_each_program(program, object)
		bpf_program__set_autoload(program, is_among(argv + 2, bpf_program__name(program)));
	if (bpf_object__load(object))
		return 1;
	bpf_object__for_each_program(program, object) {
		if (!bpf_program__autoload(program) ||
		    !is_simple(bpf_program__section_name(program)))
			continue;
		if (!bpf_program__attach(program))
			return 1;
	}
	puts("ready");
	fflush(stdout);
	pause();
	bpf_object__close(object);
	return 0;
}
