/** Two network namespaces with a cable between them. */

import { statSync } from "node:fs";
import type { Subprocess } from "bun";
import { bpfObject } from "./bpf-object.ts";
import { until } from "./until.ts";

let made = 0;

function ip(...args: string[]): void {
	const run = Bun.spawnSync(["ip", ...args]);
	if (!run.success) throw new Error(`ip ${args.join(" ")}: ${run.stderr}`);
}

/** A counter of the Tcp lines of /proc/net/snmp. */
export function tcpCounter({ prefix }: NetworkNamespace, name: string): number {
	const run = Bun.spawnSync([...prefix, "cat", "/proc/net/snmp"]);
	const [names, values] = run.stdout
		.toString()
		.split("\n")
		.filter((line) => line.startsWith("Tcp: "))
		.map((line) => line.split(" "));
	const value = Number(values?.[names?.indexOf(name) ?? -1]);
	if (Number.isNaN(value)) throw new Error(`/proc/net/snmp has no ${name}`);
	return value;
}

export interface NetworkNamespace {
	readonly name: string;
	readonly ipv4: string;
	readonly ipv6: string;
	/** What to put in front of a command that is to run in it. */
	readonly prefix: readonly string[];
}

export class NamespacePair implements Disposable {
	readonly left: NetworkNamespace;
	readonly right: NetworkNamespace;
	/** A process in each, so that they are in use between the runs of the traffic. */
	readonly #residents: Subprocess[] = [];

	constructor() {
		const unique = `ct-${process.pid}-${made++}`;
		this.left = describe(`${unique}-l`, 1);
		this.right = describe(`${unique}-r`, 2);
		try {
			this.#connect();
		} catch (error) {
			this[Symbol.dispose]();
			throw error;
		}
	}

	#connect(): void {
		const [left, right] = [this.left, this.right];
		for (const { name } of [left, right]) ip("netns", "add", name);
		const peer = ["peer", "name", "cable", "netns", right.name];
		ip("-n", left.name, "link", "add", "cable", "type", "veth", ...peer);
		for (const { name, ipv4, ipv6 } of [left, right]) {
			ip("-n", name, "link", "set", "lo", "up");
			ip("-n", name, "link", "set", "cable", "up");
			ip("-n", name, "address", "add", `${ipv4}/24`, "dev", "cable");
			ip("-n", name, "address", "add", `${ipv6}/64`, "dev", "cable", "nodad");
		}
		for (const { prefix } of [left, right])
			this.#residents.push(Bun.spawn([...prefix, "cat"], { stdin: "pipe" }));
	}

	/** Inode numbers. Those of namespaces that are gone are given again. */
	numbers(): number[] {
		return [this.left, this.right].map(({ name }) => statSync(`/run/netns/${name}`).ino);
	}

	/** Sets a sysctl, for example net.ipv4.tcp_syncookies, in both. */
	set(name: string, value: string): void {
		for (const { prefix } of [this.left, this.right]) {
			const run = Bun.spawnSync([...prefix, "sysctl", "-qw", `${name}=${value}`]);
			if (!run.success) throw new Error(`sysctl ${name}: ${run.stderr}`);
		}
	}

	/**
	 * Has either CPU interrupt the other for packets on loopback of the left one, as a network card
	 * does (receive packet steering); else they are handled where they were sent.
	 */
	interruptForPackets(): void {
		const steer = "echo 3 > /sys/class/net/lo/queues/rx-0/rps_cpus";
		const run = Bun.spawnSync([...this.left.prefix, "sh", "-c", steer]);
		if (!run.success) throw new Error(`rps_cpus: ${run.stderr}`);
	}

	/** A cable of this rate and queue; what does not fit is dropped. In the units of tc. */
	limit(rate: string, burst: string, queue: string): void {
		const tbf = ["tbf", "rate", rate, "burst", burst, "limit", queue];
		for (const { name } of [this.left, this.right]) {
			const run = Bun.spawnSync(["tc", "-n", name, "qdisc", "add", "dev", "cable", "root", ...tbf]);
			if (!run.success) throw new Error(`tc: ${run.stderr}`);
		}
	}

	/**
	 * Has what the two send each other over IPv4 arrive, or not: as if a firewall dropped it. Frames
	 * go to a hardware address that nobody has.
	 */
	misdirect(isLost: boolean): void {
		for (const { name, peer } of [
			{ name: this.left.name, peer: this.right },
			{ name: this.right.name, peer: this.left },
		]) {
			if (isLost) {
				const nobody = ["lladdr", "02:00:00:00:00:99", "nud", "permanent"];
				ip("-n", name, "neigh", "replace", peer.ipv4, "dev", "cable", ...nobody);
			} else ip("-n", name, "neigh", "del", peer.ipv4, "dev", "cable");
		}
	}

	/** Another IPv4 address for one of the two. */
	addAddress({ name }: NetworkNamespace, ipv4: string): void {
		ip("-n", name, "address", "add", `${ipv4}/24`, "dev", "cable");
	}

	/** One packet of twenty that arrives, on either side, is lost. */
	lose(): void {
		const program = ["xdpgeneric", "obj", bpfObject("lose"), "sec", "xdp"];
		for (const { name } of [this.left, this.right])
			ip("-n", name, "link", "set", "dev", "cable", ...program);
	}

	/** A packet is a segment: there is no more for the card to cut (TSO). */
	sendSingleSegments(): void {
		for (const { name } of [this.left, this.right])
			ip("-n", name, "link", "set", "dev", "cable", "gso_max_segs", "1");
	}

	/** The left one's end of the cable stays, and leads nowhere. */
	unplugRight(): void {
		ip("-n", this.right.name, "link", "set", "dev", "cable", "down");
	}

	/** The left one's end of the cable goes with it. */
	removeCable(): void {
		ip("-n", this.right.name, "link", "delete", "dev", "cable");
	}

	/** Nobody is in the left one any more, and it has no name. */
	leaveLeft(): void {
		this.#residents[0]?.kill("SIGKILL");
		ip("netns", "delete", this.left.name);
	}

	/** Waits until the kernel has freed the left one, which takes the cable away. */
	async untilCableIsGone(): Promise<void> {
		const show = ["ip", "-n", this.right.name, "link", "show", "cable"];
		const isGone = (): boolean => !Bun.spawnSync(show).success;
		await until("the kernel to free the namespace", isGone, { everyMs: 100 });
	}

	/** Ends the resident processes and removes the names. */
	[Symbol.dispose](): void {
		for (const resident of this.#residents) resident.kill("SIGKILL");
		for (const { name } of [this.left, this.right])
			Bun.spawnSync(["ip", "netns", "delete", name], { stderr: "ignore" });
	}
}

function describe(name: string, host: number): NetworkNamespace {
	return {
		name,
		ipv4: `10.77.0.${host}`,
		ipv6: `fd77::${host}`,
		prefix: ["ip", "netns", "exec", name],
	};
}

/** A pair of which one has a number that the kernel has given before: it frees them in its own time. */
export function pairWithNumberOf(numbers: readonly number[]): NamespacePair {
	for (let attempt = 0; attempt < 300; attempt++) {
		const pair = new NamespacePair();
		if (pair.numbers().some((number) => numbers.includes(number))) return pair;
		pair[Symbol.dispose]();
	}
	throw new Error("the kernel gives no number again");
}
