/** The conntrack of one network namespace, over netlink: what begins and ends, and dumps of its table. */

import { LibbpfError, PermissionError, UnsupportedError } from "../errors.ts";
import { EINVAL, EPERM, EPROTONOSUPPORT } from "../ffi/errno.ts";
import { NetlinkSocket, NOTHING_WAITS, OVERRUN } from "../ffi/netlink.ts";
import {
	CT_DELETE,
	CT_NEW,
	CtMessage,
	dumpRequest,
	NLM_F_DUMP_INTR,
	NLMSG_DONE,
	NLMSG_ERROR,
} from "../maps/ctnetlink.ts";

/** Of multicast groups: NFNLGRP_CONNTRACK_NEW is 1, _DESTROY 3; what changes between has no counters. */
const GROUPS = (1 << 0) | (1 << 2);
/** The kernel fills as much as a reader has room for, up to 32 kB. */
const BYTES = 65_536;
const DUMP_BUFFER_BYTES = 4 * BYTES;
/** A dump is made again where the table changed under it, so often at most. */
const MOST_DUMPS = 3;

/** One for all namespaces: a message is there until the next one is read. */
const buffer = new Uint8Array(BYTES);
const message = new CtMessage(buffer);

export class ConntrackNetns implements Disposable {
	/** Inode number. */
	readonly inode: number;
	readonly #events: NetlinkSocket;
	readonly #dumps: NetlinkSocket;
	#sequence = 0;
	#drops = 0;

	private constructor(inode: number, events: NetlinkSocket, dumps: NetlinkSocket) {
		this.inode = inode;
		this.#events = events;
		this.#dumps = dumps;
	}

	/**
	 * Of the network namespace that the thread is in. It is kept there as long as this is open.
	 *
	 * @param bufferBytes for what has not been read yet
	 * @throws PermissionError, UnsupportedError, LibbpfError
	 */
	static open(inode: number, bufferBytes: number): ConntrackNetns {
		using owned = new DisposableStack();
		const socket = (groups: number, bytes: number): NetlinkSocket =>
			owned.use(explained(() => NetlinkSocket.open(groups, bytes)));
		const netns = new ConntrackNetns(
			inode,
			socket(GROUPS, bufferBytes),
			socket(0, DUMP_BUFFER_BYTES),
		);
		owned.move();
		return netns;
	}

	/**
	 * Gives what has begun and ended since the last call, `most` messages or a few more.
	 *
	 * @returns true where messages were dropped: how many, lost() says
	 */
	read(
		most: number,
		onBegin: (message: CtMessage) => void,
		onEnd: (message: CtMessage) => void,
	): boolean {
		let [left, isOverrun] = [most, false];
		while (left > 0) {
			const filled = this.#events.receive(buffer);
			if (filled === NOTHING_WAITS) break;
			if (filled === OVERRUN) isOverrun = true;
			for (let at = 0; at < filled; left--) {
				at = message.read(at, filled);
				if (message.type === CT_NEW) onBegin(message);
				else if (message.type === CT_DELETE) onEnd(message);
			}
		}
		return isOverrun;
	}

	/** Messages that found no room since the last call. */
	lost(): number {
		const drops = this.#events.drops();
		const more = drops - this.#drops;
		this.#drops = drops;
		return more;
	}

	/**
	 * Gives each flow that is in the table now.
	 *
	 * @param begin called before the first one, and again where the table changed and it starts anew
	 * @returns false where it always changed, and some flows may be missing
	 * @throws PermissionError, UnsupportedError, LibbpfError
	 */
	dump(begin: () => void, onFlow: (message: CtMessage) => void): boolean {
		for (let dump = 0; dump < MOST_DUMPS; dump++) {
			begin();
			if (explained(() => this.#dump(onFlow))) return true;
		}
		return false;
	}

	/** @returns false where the table changed meanwhile */
	#dump(onFlow: (message: CtMessage) => void): boolean {
		this.#dumps.send(dumpRequest(++this.#sequence));
		let isWhole = true;
		for (;;) {
			const filled = this.#dumps.receive(buffer);
			// The kernel fills it while it takes the request, and then for each read, until it is done.
			if (filled <= NOTHING_WAITS) return false;
			for (let at = 0; at < filled; ) {
				at = message.read(at, filled);
				if ((message.flags & NLM_F_DUMP_INTR) !== 0) isWhole = false;
				if (message.type === NLMSG_DONE) return isWhole;
				if (message.type === NLMSG_ERROR) throw refused(message.error);
				if (message.type === CT_NEW) onFlow(message);
			}
		}
	}

	[Symbol.dispose](): void {
		this.#events[Symbol.dispose]();
		this.#dumps[Symbol.dispose]();
	}
}

function explained<T>(act: () => T): T {
	try {
		return act();
	} catch (error) {
		throw error instanceof LibbpfError ? refused(error.errno, error) : error;
	}
}

function refused(errno: number, cause?: LibbpfError): Error {
	if (errno === EPERM) return new PermissionError("conntrack", ["CAP_NET_ADMIN"], { cause });
	if (errno !== EPROTONOSUPPORT && errno !== EINVAL)
		return cause ?? new LibbpfError("dump conntrack", errno, `errno ${errno}`, "");
	return new UnsupportedError(
		"conntrack",
		null,
		"this kernel does not tell of it (ctnetlink)",
		"load it: modprobe nf_conntrack_netlink",
		{ cause },
	);
}
