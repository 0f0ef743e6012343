import { expect, test } from "bun:test";
import { summarizeLog } from "../../src/ffi/log.ts";

test.each([
	["nothing", [], ""],
	[
		"libbpf's own words",
		["libbpf: elf: conntracer is not a valid ELF\n"],
		"elf: conntracer is not a valid ELF",
	],
	[
		"the last words of the verifier, and not its dump",
		[
			"libbpf: prog 'p': BPF program load failed: Permission denied\n",
			"libbpf: prog 'p': -- BEGIN PROG LOAD LOG --\n0: R1=ctx()\n5: (79) r7 = *(u64 *)(r1 +24)\n6: (79) r1 = *(u64 *)(r7 +8)\nR7 invalid mem access 'buf_or_null'\nprocessed 7 insns (limit 1000000)\n-- END PROG LOAD LOG --\n",
			"libbpf: failed to load object 'conntracer'\n",
		],
		"prog 'p': BPF program load failed: Permission denied; " +
			"6: (79) r1 = *(u64 *)(r7 +8); R7 invalid mem access 'buf_or_null'",
	],
])("a log is shortened to %s", (_, lines, text) => {
	expect(summarizeLog(lines)).toBe(text);
});
