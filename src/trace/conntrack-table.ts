/** Questions to the conntrack of one network namespace, over netlink: its table, or single connections. */

import { LibbpfError, PermissionError, UnsupportedError } from "../errors.ts";
import { EINVAL, EPERM, EPROTONOSUPPORT } from "../ffi/errno.ts";
import { NetlinkSocket, NOTHING_WAITS } from "../ffi/netlink.ts";
import type { Tuple } from "../maps/ct-flow.ts";
import {
	CT_NEW,
	CT_STATS,
	CtMessage,
	NLM_F_DUMP_INTR,
	NLMSG_DONE,
	NLMSG_ERROR,
} from "../maps/ctnetlink.ts";
import { IPS_DST_NAT, IPS_SRC_NAT } from "../maps/ctnetlink-attributes.ts";
import { dumpRequest, RequestWriter, statisticsRequest } from "../maps/ctnetlink-requests.ts";

/** The kernel fills as much as a reader has room for, up to 32 kB. */
export const BYTES = 65_536;
/** An answer takes a page of it, whatever it says. */
const SOCKET_BYTES = 2 ** 20;
/** A dump is made again where the table changed under it, so often at most. */
const MOST_DUMPS = 3;
/** Connections that are asked for at once: the answers wait in the socket. */
const MOST_AT_ONCE = 64;

/** One for all namespaces: what is read is there until the next reading. */
const buffer = new Uint8Array(BYTES);
const message = new CtMessage(buffer);

export class ConntrackTable implements Disposable {
	readonly #socket: NetlinkSocket;
	#sequence = 0;

	private constructor(socket: NetlinkSocket) {
		this.#socket = socket;
	}

	/**
	 * Of the network namespace that the thread is in.
	 *
	 * @throws PermissionError, UnsupportedError, LibbpfError
	 */
	static open(): ConntrackTable {
		return new ConntrackTable(explained(() => NetlinkSocket.open(0, SOCKET_BYTES)));
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
			if (this.#dump(0, onFlow)) return true;
		}
		return false;
	}

	/**
	 * Gives each flow of which addresses or ports are translated, some of them twice.
	 *
	 * @throws PermissionError, UnsupportedError, LibbpfError
	 */
	dumpTranslated(onFlow: (message: CtMessage) => void): void {
		for (const status of [IPS_SRC_NAT, IPS_DST_NAT])
			this.#dump(status, (message) => {
				if (message.isTranslated) onFlow(message);
			});
	}

	/**
	 * Gives the flow of a zone that has the tuple with this index, in one direction or the other.
	 * Those that conntrack does not know are left out.
	 *
	 * @throws PermissionError, UnsupportedError, LibbpfError
	 */
	find(
		zone: number,
		tuples: readonly Tuple[],
		onFound: (index: number, message: CtMessage) => void,
	): void {
		for (let from = 0; from < tuples.length; from += MOST_AT_ONCE) {
			const some = tuples.slice(from, from + MOST_AT_ONCE);
			const first = this.#sequence + 1;
			const request = new RequestWriter(some.length);
			for (const tuple of some) request.get(++this.#sequence, tuple, zone);
			explained(() => this.#socket.send(request.bytes()));
			this.#answers((message) => {
				if (message.type === NLMSG_ERROR && message.error === EPERM) throw refused(EPERM);
				if (message.type === CT_NEW) onFound(from + message.sequence - first, message);
			});
		}
	}

	/**
	 * Packets of flows that found no room in the kernel's table, and were dropped for it, in all.
	 *
	 * @throws PermissionError, UnsupportedError, LibbpfError
	 */
	drops(): number {
		explained(() => this.#socket.send(statisticsRequest(++this.#sequence)));
		let drops = 0;
		this.#answers((message) => {
			if (message.type === CT_STATS) drops += message.drops;
		});
		return drops;
	}

	/** @returns false where the table changed meanwhile */
	#dump(status: number, onFlow: (message: CtMessage) => void): boolean {
		explained(() => this.#socket.send(dumpRequest(++this.#sequence, status)));
		let [isWhole, isDone] = [true, false];
		// The kernel fills it while it takes the request, and then for each read, until it is done.
		this.#answers((message) => {
			if ((message.flags & NLM_F_DUMP_INTR) !== 0) isWhole = false;
			if (message.type === NLMSG_DONE) isDone = true;
			if (message.type === NLMSG_ERROR) throw refused(message.error);
			if (message.type === CT_NEW) onFlow(message);
		});
		return isWhole && isDone;
	}

	#answers(onMessage: (message: CtMessage) => void): void {
		for (;;) {
			const filled = explained(() => this.#socket.receive(buffer));
			if (filled <= NOTHING_WAITS) return;
			for (let at = 0; at < filled; ) {
				at = message.read(at, filled);
				onMessage(message);
			}
		}
	}

	[Symbol.dispose](): void {
		this.#socket[Symbol.dispose]();
	}
}

export function explained<T>(act: () => T): T {
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
