/** The conntrack of one network namespace, over netlink: what begins and ends, and dumps of its table. */

import { NetlinkSocket, NOTHING_WAITS, OVERRUN } from "../ffi/netlink.ts";
import { CT_DELETE, CT_NEW, CtMessage } from "../maps/ctnetlink.ts";
import { BYTES, ConntrackTable, explained } from "./conntrack-table.ts";

/** Of multicast groups: NFNLGRP_CONNTRACK_NEW is 1, _DESTROY 3; what changes between has no counters. */
const GROUPS = (1 << 0) | (1 << 2);

/** One for all namespaces, but not that of the tables: it is read in the middle of a dump, too. */
const buffer = new Uint8Array(BYTES);
const message = new CtMessage(buffer);

export class ConntrackNetns implements Disposable {
	readonly table: ConntrackTable;
	readonly #events: NetlinkSocket;
	#drops = 0;

	private constructor(events: NetlinkSocket, table: ConntrackTable) {
		this.#events = events;
		this.table = table;
	}

	/**
	 * Of the network namespace that the thread is in. It is kept there as long as this is open.
	 *
	 * @param bufferBytes for what has not been read yet
	 * @throws PermissionError, UnsupportedError, LibbpfError
	 */
	static open(bufferBytes: number): ConntrackNetns {
		using owned = new DisposableStack();
		const events = owned.use(explained(() => NetlinkSocket.open(GROUPS, bufferBytes)));
		const netns = new ConntrackNetns(events, owned.use(ConntrackTable.open()));
		owned.move();
		return netns;
	}

	/**
	 * Gives what has begun and ended since the last call, `most` messages or a few more.
	 *
	 * @throws LibbpfError
	 */
	read(
		most: number,
		onBegin: (message: CtMessage) => void,
		onEnd: (message: CtMessage) => void,
	): void {
		let left = most;
		while (left > 0) {
			const filled = this.#events.receive(buffer);
			if (filled === NOTHING_WAITS) break;
			if (filled === OVERRUN) continue;
			for (let at = 0; at < filled; left--) {
				at = message.read(at, filled);
				if (message.type === CT_NEW) onBegin(message);
				else if (message.type === CT_DELETE) onEnd(message);
			}
		}
	}

	/** Messages that found no room since the last call. */
	dropped(): number {
		const drops = this.#events.drops();
		const more = drops - this.#drops;
		this.#drops = drops;
		return more;
	}

	[Symbol.dispose](): void {
		this.#events[Symbol.dispose]();
		this.table[Symbol.dispose]();
	}
}
