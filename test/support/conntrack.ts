/** Conntrack in a network namespace, with rules that make it work, and counters of their own beside it. */

import type { NetworkNamespace } from "./namespaces.ts";

/** Of all packets that went out, or came in, of one protocol: what nftables has counted. */
export interface Counted {
	readonly packets: number;
	readonly bytes: number;
}

const PROTOCOLS = ["tcp", "udp", "icmp", "icmpv6"] as const;
export type Protocol = (typeof PROTOCOLS)[number];
type Way = "out" | "in";
export type Sysctls = Readonly<Record<string, string>>;

const RULES = `table inet counted {
${PROTOCOLS.flatMap((name) => [`	counter ${name}_out {}`, `	counter ${name}_in {}`]).join("\n")}
	chain out {
		type filter hook output priority 300
${rules("out")}
	}
	chain in {
		type filter hook input priority 300
${rules("in")}
	}
}
`;

/** Packets that conntrack follows; neighbour discovery is not among them. */
function rules(way: Way): string {
	return PROTOCOLS.map(
		(name) => `		ct state new,established meta l4proto ${name} counter name ${name}_${way}`,
	).join("\n");
}

export class Conntrack {
	readonly #prefix: readonly string[];

	/**
	 * @param sysctls "nf_conntrack_acct": "1", …; without, flows are counted, and their start is kept;
	 * null: as they are
	 */
	constructor({ prefix }: NetworkNamespace, sysctls: Sysctls | null = {}) {
		this.#prefix = prefix;
		this.nft(RULES);
		if (sysctls === null) return;
		const all = { nf_conntrack_acct: "1", nf_conntrack_timestamp: "1", ...sysctls };
		for (const [name, value] of Object.entries(all)) this.sysctl(name, value);
	}

	/** Of sysctls as the constructor has them. */
	sysctl(name: string, value: string | null = null): string {
		const what = `net.netfilter.${name}`;
		if (value !== null) this.#run(["sysctl", "-qw", `${what}=${value}`]);
		return this.#run(["sysctl", "-n", what]).trim();
	}

	/** More rules, in the language of nft. */
	nft(text: string): void {
		this.#run(["nft", "-f", "-"], text);
	}

	/** Ends every flow now. */
	flush(): void {
		this.#run(["conntrack", "-F"]);
	}

	counted(protocol: Protocol, way: Way): Counted {
		const text = this.#run([
			"nft",
			"-j",
			"list",
			"counter",
			"inet",
			"counted",
			`${protocol}_${way}`,
		]);
		const found = JSON.parse(text).nftables.find((each: object) => "counter" in each);
		return { packets: found.counter.packets, bytes: found.counter.bytes };
	}

	#run(command: readonly string[], input = ""): string {
		const run = Bun.spawnSync([...this.#prefix, ...command], { stdin: Buffer.from(input) });
		if (!run.success) throw new Error(`${command.join(" ")}: ${run.stderr}`);
		return run.stdout.toString();
	}
}
