/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What libbpf alone needs to open, load and attach the object: the least that a
 * start can take. Says "ready" when the programs are attached.
 */
#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	struct bpf_object *object;
	struct bpf_program *program;

	if (argc != 2)
		return 2;
	object = bpf_object__open_file(argv[1], NULL);
	if (!object || bpf_object__load(object))
		return 1;
	bpf_object__for_each_program(program, object) {
		/* An iterator over a map cannot be attached without saying which map. */
		if (strncmp(bpf_program__section_name(program), "iter/", 5) == 0)
			continue;
		if (!bpf_program__attach(program))
			return 1;
	}
	puts("ready");
	bpf_object__close(object);
	return 0;
}
