/** Where a load runs: a network namespace of its own, with loopback only. */

let made = 0;

function run(...command: string[]): void {
	const { success, stderr } = Bun.spawnSync(command);
	if (!success) throw new Error(`${command.join(" ")}: ${stderr}`);
}

export class Place implements Disposable {
	readonly prefix: readonly string[];
	readonly #name = `ct-bench-${process.pid}-${made++}`;

	constructor() {
		run("ip", "netns", "add", this.#name);
		this.prefix = ["ip", "netns", "exec", this.#name];
		run("ip", "-n", this.#name, "link", "set", "lo", "up");
		// What is over goes at once: 60 s of TIME_WAIT of one run would slow the next ones down.
		run(...this.prefix, "sysctl", "-qw", "net.ipv4.tcp_max_tw_buckets=1");
	}

	/** Has the kernel follow connections here, as `conntrack` needs it. */
	trackConnections(): void {
		const rule = "add table ip t; add chain ip t c { type filter hook input priority 0; }";
		run(...this.prefix, "nft", `${rule}; add rule ip t c ct state established accept`);
	}

	[Symbol.dispose](): void {
		Bun.spawnSync(["ip", "netns", "delete", this.#name]);
	}
}
