/** What ctnetlink tells of one network namespace: its flows that begin and end. */

import { sysctl } from "../enrich/procfs.ts";
import { NetlinkSocket, NOTHING_WAITS, OVERRUN } from "../ffi/netlink.ts";
import { CT_DELETE, CT_NEW, CtMessage } from "../maps/ctnetlink.ts";
import { BYTES, explained } from "./conntrack-table.ts";
import type { Dropped, FlowListener, FlowNews } from "./flow-news.ts";

/** Whether the kernel tells of what begins and ends. */
export const CONNTRACK_EVENTS = "net.netfilter.nf_conntrack_events";
/** Of multicast groups: NFNLGRP_CONNTRACK_NEW is 1, _DESTROY 3; what changes between has no counters. */
const GROUPS = (1 << 0) | (1 << 2);

/** One for all namespaces, but not that of the tables: it is read in the middle of a dump, too. */
const buffer = new Uint8Array(BYTES);
const message = new CtMessage(buffer);

export class NetlinkNews implements FlowNews {
	readonly isIncomplete = sysctl(CONNTRACK_EVENTS) === 0;
	readonly patience = 0;
	readonly #socket: NetlinkSocket;
	readonly #listener: FlowListener;
	#drops = 0;

	private constructor(socket: NetlinkSocket, listener: FlowListener) {
		this.#socket = socket;
		this.#listener = listener;
	}

	/**
	 * Of the network namespace that the thread is in. It is kept there as long as this is open.
	 *
	 * @param bufferBytes for what has not been read yet
	 * @throws PermissionError, UnsupportedError, LibbpfError
	 */
	static open(bufferBytes: number, listener: FlowListener): NetlinkNews {
		return new NetlinkNews(
			explained(() => NetlinkSocket.open(GROUPS, bufferBytes)),
			listener,
		);
	}

	/** @throws LibbpfError */
	read(most: number): void {
		let left = most;
		while (left > 0) {
			const filled = this.#socket.receive(buffer);
			if (filled === NOTHING_WAITS) break;
			if (filled === OVERRUN) continue;
			for (let at = 0; at < filled; left--) {
				at = message.read(at, filled);
				if (message.type === CT_NEW) this.#listener.begin(message);
				else if (message.type === CT_DELETE) this.#listener.end(message);
			}
		}
	}

	/** The error for it comes once for many. */
	dropped(): Dropped {
		const drops = this.#socket.drops();
		const count = drops - this.#drops;
		this.#drops = drops;
		return { count, isBehind: count > 0 };
	}

	identify(): void {
		// Both have the kernel's id.
	}

	[Symbol.dispose](): void {
		this.#socket[Symbol.dispose]();
	}
}
