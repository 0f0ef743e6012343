/** What it costs to keep clients told: the seeds' benches of their state, without a kernel. */

import type { CountedConnection } from "../src/flow/client-answers.ts";
import { ClientChanges } from "../src/flow/client-changes.ts";
import { spread } from "./figures.ts";

const SIZES = [100, 1000, 10_000, 30_000];
const CLIENTS = 10;

function connections(count: number): CountedConnection[] {
	return Array.from({ length: count }, (_, at) => ({
		...{ id: String(at), transport: "tcp", netns: 1, pid: 7, local_address: "10.0.0.1" },
		...{ local_port: at % 60_000, remote_address: `10.1.${at >> 8}.${at & 255}` },
		...{ remote_port: 443, bytes_sent: at, bytes_received: 2 * at, segments_sent: 3 },
		...{ segments_received: 3, segments_retransmitted: 0 },
	}));
}

/** Nanoseconds for each of `count`. */
function timed(count: number, act: () => void): number {
	const begin = performance.now();
	act();
	return ((performance.now() - begin) * 1e6) / count;
}

function askFor(
	changes: ClientChanges<CountedConnection>,
	name: string,
	open: readonly CountedConnection[],
): void {
	changes.ask(name, open, 0);
	changes.told(name);
}

/** StoreClosedConnection: connections end while ten clients are known; then each of them asks. */
function closing(count: number): { close: number; ask: number } {
	const changes = new ClientChanges<CountedConnection>();
	const names = Array.from({ length: CLIENTS }, (_, at) => `client-${at}`);
	for (const name of names) askFor(changes, name, []);
	const all = connections(count);
	const close = timed(count, () => {
		for (const connection of all) changes.close(connection);
	});
	const ask = timed(count * CLIENTS, () => {
		for (const name of names) askFor(changes, name, []);
	});
	return { close, ask };
}

/** ConnectionsGet: one client asks, again and again, for what is open. */
function asking(count: number): number {
	const changes = new ClientChanges<CountedConnection>();
	const all = connections(count);
	askFor(changes, "client", all);
	return timed(count, () => askFor(changes, "client", all));
}

export function clientFigures(looks: number): string[][] {
	return SIZES.flatMap((count) => {
		closing(count);
		asking(count);
		const closed = Array.from({ length: looks }, () => closing(count));
		const asked = Array.from({ length: looks }, () => asking(count));
		const told = spread(
			closed.map(({ ask }) => ask),
			0,
		);
		return [
			[
				`StoreClosedConnection: ${count} end, ${CLIENTS} clients known: ns each`,
				spread(
					closed.map(({ close }) => close),
					0,
				),
			],
			[`the clients are told of them: ns for each, and client`, told],
			[`ConnectionsGet: ${count} are open: ns each`, spread(asked, 0)],
		];
	});
}
