import { describe, expect, test } from "bun:test";
import { LibbpfError } from "../../src/errors.ts";
import { FEATURES, type Way } from "../../src/trace/features.ts";
import { answerOf } from "../../src/trace/probe-reasons.ts";

const WAYS = FEATURES.flatMap(({ ways }) => ways);

function wayWith(hook: string): Way {
	const found = WAYS.find(({ hooks }) => hooks.includes(hook));
	if (found === undefined) throw new Error(`no way has ${hook}`);
	return found;
}

/** As libbpf 1.1 says it when a program is loaded. */
const notFound = (program: string, name: string): LibbpfError =>
	new LibbpfError(
		...(["load the BPF object", 3, "ESRCH"] as const),
		`prog '${program}': failed to find kernel BTF type ID of '${name}': -3`,
	);

describe("a failed probe", () => {
	for (const [what, hook, error, answer] of [
		[
			"of a tracepoint that this kernel does not have is a no",
			"tp_btf/sock_send_length",
			notFound("tp_btf__sock_send_length", "sock_send_length"),
			{ available: false, reason: "this kernel has no tp_btf/sock_send_length" },
		],
		[
			"of a function that this kernel does not have is a no",
			"fentry/udpv6_destroy_sock",
			notFound("fentry__udpv6_destroy_sock", "udpv6_destroy_sock"),
			{ available: false, reason: "this kernel has no fentry/udpv6_destroy_sock" },
		],
		[
			"without kernel types is no answer",
			"iter/tcp",
			new LibbpfError("load the BPF object", 3, "ESRCH", "Error loading vmlinux BTF: -3"),
			{ available: null, reason: "needs kernel types (BTF)" },
		],
		[
			"of a kind of program that this kernel does not know is a no",
			"cgroup/sock_release",
			new LibbpfError("load the BPF object", 22, "EINVAL", "prog 'cgroup__sock_release': load"),
			{ available: false, reason: "this kernel does not support cgroup/sock_release (EINVAL)" },
		],
		[
			"of a function on a machine without trampolines is a no",
			"fentry/skb_consume_udp",
			new LibbpfError("attach fentry__skb_consume_udp", 524, "errno 524", ""),
			{ available: false, reason: "this kernel has no BPF trampolines (errno 524)" },
		],
		[
			"for want of memory is no answer",
			"tp_btf/tcp_send_reset",
			new LibbpfError("attach tp_btf__tcp_send_reset", 12, "ENOMEM", ""),
			{ available: null, reason: "tp_btf/tcp_send_reset: ENOMEM" },
		],
		[
			"that finds no room for one more program is no answer",
			"fexit/udp_sendmsg",
			new LibbpfError("attach fexit__udp_sendmsg", 16, "EBUSY", ""),
			{ available: null, reason: "fexit/udp_sendmsg: EBUSY" },
		],
	] as const)
		test(what, () => expect(answerOf(error, wayWith(hook))).toEqual(answer));
});
