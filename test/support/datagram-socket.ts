/** A bound Unix datagram socket, as the one of a service manager. */

import { existsSync, unlinkSync } from "node:fs";
import { closeFd, libc } from "../../src/ffi/libc.ts";
import { unixAddress } from "../../src/ffi/notify-socket.ts";
import { until } from "./until.ts";

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0x80000;
const MSG_DONTWAIT = 0x40;
const WAIT_MS = 20_000;

export class DatagramSocket implements Disposable {
	readonly path: string;
	readonly #fd: number;

	/** @param path of a file that is not there, or an abstract name with @ in front */
	constructor(path: string) {
		this.path = path;
		this.#fd = libc.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
		const address = unixAddress(path);
		if (libc.bind(this.#fd, address, address.length) !== 0) throw new Error(`bind ${path}`);
	}

	/** Null where none waits. */
	receive(): string | null {
		const into = new Uint8Array(65_536);
		const count = Number(libc.recv(this.#fd, into, into.length, MSG_DONTWAIT));
		return count < 0 ? null : new TextDecoder().decode(into.subarray(0, count));
	}

	/** The next one, as fields. */
	async next(): Promise<Readonly<Record<string, string>>> {
		const patience = { withinMs: WAIT_MS, everyMs: 5 };
		const text = await until(`a datagram at ${this.path}`, () => this.receive(), patience);
		return Object.fromEntries(text.split("\n").map((line) => line.split(/=(.*)/s).slice(0, 2)));
	}

	[Symbol.dispose](): void {
		closeFd(this.#fd);
		if (existsSync(this.path)) unlinkSync(this.path);
	}
}
