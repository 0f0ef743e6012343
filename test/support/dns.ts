/** Servers and clients of DNS, in namespaces of the test's own. */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { FileSink, Subprocess } from "bun";
import { encode } from "dns-packet";
import type { DnsRecord } from "../../src/flow/dns-records.ts";
import type { OutputRecord } from "./conntracer.ts";
import { Lines } from "./lines.ts";
import type { NetworkNamespace } from "./namespaces.ts";

/** What an asker is told. */
export interface Question {
	readonly transport: "udp" | "tcp";
	readonly address: string;
	readonly port: number;
	/** In hexadecimal: datagrams, or segments. */
	readonly messages: readonly string[];
	/** To wait for. */
	readonly answers: number;
}

/** What it says then. */
export interface Said {
	/** Its own. */
	readonly port: number;
	/** Milliseconds since 1970: before it asked, after it has heard. */
	readonly begin: number;
	readonly end: number;
}

/**
 * A question as a message.
 *
 * @param udpPayloadSize what the answer may have; 0: 512 bytes, as without EDNS
 */
export function query(id: number, name: string, type: string, udpPayloadSize = 0): Uint8Array {
	const RECURSION_DESIRED = 0x100;
	const edns = { type: "OPT", name: ".", udpPayloadSize, flags: 0, options: [] };
	const additionals = udpPayloadSize === 0 ? [] : [edns];
	const questions = [{ name, type }];
	return encode({ type: "query", id, flags: RECURSION_DESIRED, questions, additionals });
}

/** With its length in front. */
export function framed(message: Uint8Array): Uint8Array {
	return Uint8Array.of(message.length >> 8, message.length & 255, ...message);
}

export const dnsOf = (
	records: readonly OutputRecord[],
	matches: (record: DnsRecord) => boolean = () => true,
): DnsRecord[] => records.filter((record) => record.type === "dns").filter(matches);

/** UDP over IPv4, as the kernel counts it: what a full queue made a process drop is not in it. */
export function datagramsSent({ prefix }: NetworkNamespace): number {
	const run = Bun.spawnSync([...prefix, "grep", "^Udp: ", "/proc/net/snmp"]);
	const [names = [], values = []] = run.stdout
		.toString()
		.split("\n")
		.map((line) => line.split(" "));
	return Number(values[names.indexOf("OutDatagrams")]);
}

/** dnsmasq. Killed when disposed. */
export class DnsServer implements AsyncDisposable {
	readonly #child: Subprocess<"ignore", "ignore", "pipe">;
	readonly #lines: Lines;

	private constructor(child: Subprocess<"ignore", "ignore", "pipe">) {
		this.#child = child;
		this.#lines = new Lines("dnsmasq", child.stderr);
	}

	/** @param zone its options: `--host-record=…` */
	static async start(
		{ prefix }: NetworkNamespace,
		addresses: readonly string[],
		zone: readonly string[],
	): Promise<DnsServer> {
		const listens = addresses.map((address) => `--listen-address=${address}`);
		const own = [
			"--conf-file=/dev/null",
			"--no-resolv",
			"--no-hosts",
			"--pid-file=",
			"--user=root",
		];
		const how = ["--keep-in-foreground", "--log-facility=-", "--bind-interfaces"];
		const child = Bun.spawn([...prefix, "dnsmasq", ...own, ...how, ...listens, ...zone], {
			...{ stdin: "ignore", stdout: "ignore", stderr: "pipe" },
		});
		const server = new DnsServer(child);
		await server.#lines.wait("its start", () =>
			server.#lines.all.some((line) => line.includes("started")) ? true : undefined,
		);
		return server;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.#child.kill("SIGKILL");
		await this.#child.exited;
	}
}

/** A process that asks. Killed when disposed. */
export class DnsAsker implements AsyncDisposable {
	readonly #child: Subprocess<"pipe", "pipe", "inherit">;
	readonly #input: FileSink;
	readonly #lines: Lines;
	#asked = 0;

	constructor({ prefix }: NetworkNamespace) {
		const script = resolve(import.meta.dir, "dns-asker.ts");
		this.#child = Bun.spawn([...prefix, process.execPath, script], {
			...{ stdin: "pipe", stdout: "pipe", stderr: "inherit" },
		});
		this.#input = this.#child.stdin;
		this.#lines = new Lines("the asker", this.#child.stdout);
	}

	/** Who it is, as records have it. */
	get owner(): { readonly pid: number; readonly process: string } {
		const { pid } = this.#child;
		return { pid, process: readFileSync(`/proc/${pid}/comm`, "utf8").trimEnd() };
	}

	/** Comes back when it has its answers. */
	async ask(
		transport: Question["transport"],
		address: string,
		messages: readonly Uint8Array[],
		answers: number = messages.length,
		port = 53,
	): Promise<Said> {
		const hexadecimal = messages.map((message) => Buffer.from(message).toString("hex"));
		const question: Question = { transport, address, port, messages: hexadecimal, answers };
		this.#input.write(`${JSON.stringify(question)}\n`);
		await this.#input.flush();
		const place = this.#asked++;
		const line = await this.#lines.wait("an answer", () => this.#lines.all[place]);
		return JSON.parse(line);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.#child.kill("SIGKILL");
		await this.#child.exited;
	}
}
