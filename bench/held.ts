/** Very many connections that stay open, each of which has moved something. */

import { type Outcome, Traffic, type Truth } from "../test/support/traffic.ts";

/** One process may open 20,000 files, and a port of one address serves 28,000 connections. */
const CONNECTIONS_OF_EACH = 8334;
const REQUEST = 777;
const RESPONSE = 1234;

export interface Held extends AsyncDisposable {
	readonly connections: number;
	readonly truths: readonly Truth[];
}

/** 8,334 of each pair of processes: as many pairs as this machine can hold. */
export async function hold(pairsOfProcesses: number): Promise<Held> {
	const stack = new AsyncDisposableStack();
	const truths: Truth[] = [];
	for (let i = 1; i <= pairsOfProcesses; i++) {
		const outcome = await holdPair(`127.0.1.${i}`, stack);
		if (outcome === null) break;
		truths.push(...outcome.clients, ...outcome.servers);
	}
	const connections = truths.reduce((sum, { opened }) => sum + opened, 0) / 2;
	return { connections, truths, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

async function holdPair(address: string, stack: AsyncDisposableStack): Promise<Outcome | null> {
	const size = ["--request", `${REQUEST}`, "--response", `${RESPONSE}`, "--ports", "16"];
	const where = ["--listen", address, "--connect", address, "--timeout", "600"];
	const traffic = stack.use(
		new Traffic(["hold", "--count", `${CONNECTIONS_OF_EACH}`, ...where, ...size]),
	);
	try {
		await traffic.held();
		return await traffic.step();
	} catch (error) {
		process.stderr.write(`bench: this machine holds no more: ${(error as Error).message}\n`);
		return null;
	}
}
