/** A packet socket in each network namespace: all that there are, or those that are wanted. */

import { networkNamespaces, OWN_NETWORK_NAMESPACE, openFilesLimit } from "../enrich/procfs.ts";
import { LibbpfError, PermissionError } from "../errors.ts";
import { EMFILE, EPERM } from "../ffi/errno.ts";
import { type CapturedPacket, PacketSocket } from "../ffi/packet-socket.ts";
import { netnsInode, type Refusal, refusalOf, visitNetns } from "./netns.ts";
import { RefusedNamespaces } from "./refused-namespaces.ts";
import { YoungProcesses } from "./young-processes.ts";

interface Options {
	/** Inode numbers; none: all. */
	readonly netns: readonly number[];
	/** Of packetFilter(). */
	readonly filter: Uint8Array;
	readonly bufferBytes: number;
}

/** For namespaces that were found, and not entered. */
const MOST_LOOKS = 4;
/** Of one look: whatever comes in, others have their turn. What is not read waits in the sockets, as far as they have room. */
const MOST_MS = 20;
/** Anybody may make network namespaces (user_namespaces(7)), and each socket keeps memory of the kernel. */
const MOST_NAMESPACES = 4096;
/** Descriptors that sockets leave to the rest of the program. */
const RESERVED = 256;

interface Listened {
	readonly inode: number;
	readonly socket: PacketSocket;
	/** What the kernel met before was read; since 1970. */
	readMs: number;
}

export type TakeFrom = (netns: number, packet: CapturedPacket) => void;

export class PacketNamespaces implements Disposable {
	readonly #options: Options;
	readonly #take: TakeFrom;
	readonly #listened = new Map<number, Listened>();
	readonly #young = new YoungProcesses();
	readonly #refused = new RefusedNamespaces();
	/** Descriptors from this number on are others'. */
	readonly #mostFd: number;
	/** As many had descriptors below that number. */
	#mostSockets = Number.POSITIVE_INFINITY;
	#drops = 0;
	#turn = 0;

	constructor(options: Options, take: TakeFrom) {
		this.#options = options;
		this.#take = take;
		const files = openFilesLimit() ?? Number.POSITIVE_INFINITY;
		this.#mostFd = files - Math.min(RESERVED, files / 2);
	}

	/**
	 * Listens in what is new, and leaves what nobody else is in: an open socket would keep it.
	 *
	 * @throws PermissionError, LibbpfError
	 */
	scan(): void {
		const found = networkNamespaces();
		for (const listened of [...this.#listened.values()])
			if (!found.has(listened.inode)) this.#leave(listened);
		this.#refused.keep(found);
		this.#join(found);
		// Who it was found by was a visitor, and has left; another look finds who stays.
		for (let looks = 1; looks < MOST_LOOKS && this.#isMissing(found); looks++)
			this.#join(networkNamespaces());
	}

	/**
	 * Listens in what processes are in that have come since the last call: it costs next to nothing.
	 *
	 * @throws PermissionError, LibbpfError
	 */
	scanYoung(): void {
		this.#join(this.#young.namespaces(), true);
	}

	#join(found: ReadonlyMap<number, string>, isYoung = false): void {
		for (const [inode, path] of found) {
			if (!this.#isWanted(inode) || this.#listened.has(inode)) continue;
			if (isYoung && this.#refused.has(inode)) continue;
			let refusal = this.#fullness();
			if (refusal !== null) {
				this.#refused.note(inode, refusal);
				continue;
			}
			const entered = visitNetns(path, () => {
				if (netnsInode(OWN_NETWORK_NAMESPACE) === inode) refusal = this.#listen(inode);
			});
			this.#refused.note(inode, entered ?? refusal);
		}
	}

	/** Why there is no room for one more. */
	#fullness(): Refusal | null {
		if (this.#listened.size >= MOST_NAMESPACES) return RefusedNamespaces.TOO_MANY;
		return this.#listened.size >= this.#mostSockets ? EMFILE : null;
	}

	/** In the namespace that the thread is in. */
	#listen(inode: number): Refusal | null {
		const { filter, bufferBytes } = this.#options;
		try {
			const socket = PacketSocket.open(filter, bufferBytes);
			if (socket.fd >= this.#mostFd) {
				// Each try costs milliseconds: the kernel waits until nobody uses a packet socket that is closed.
				this.#mostSockets = this.#listened.size;
				socket[Symbol.dispose]();
				return EMFILE;
			}
			this.#listened.set(inode, { inode, socket, readMs: 0 });
			return null;
		} catch (error) {
			if (error instanceof LibbpfError && error.errno === EPERM)
				throw new PermissionError("listen to packets", ["CAP_NET_RAW"], { cause: error });
			const refusal = refusalOf(error);
			if (refusal === null) throw error;
			return refusal;
		}
	}

	/** That is still there. */
	#isMissing(found: ReadonlyMap<number, string>): boolean {
		for (const [inode, path] of found) {
			if (!this.#isWanted(inode) || this.#listened.has(inode)) continue;
			if (!this.#refused.has(inode) && netnsInode(path) !== inode) return true;
		}
		return false;
	}

	/**
	 * Gives what waits, some packets of each namespace in turn, for so long.
	 *
	 * @param now in milliseconds since 1970
	 * @returns whatever the kernel met before this was read; milliseconds since 1970
	 */
	read(now: number): number {
		const until = performance.now() + MOST_MS;
		const all = [...this.#listened.values()];
		const first = this.#turn++ % Math.max(all.length, 1);
		let waiting = [...all.slice(first), ...all.slice(0, first)];
		while (waiting.length > 0 && performance.now() < until)
			waiting = waiting.filter((one) => performance.now() >= until || this.#readSome(one, now));
		return all.reduce((least, { readMs }) => Math.min(least, readMs), now);
	}

	/** Packets for which a socket had no room, since the last call. */
	takeDrops(): number {
		for (const { socket } of this.#listened.values()) this.#drops += socket.drops();
		const drops = this.#drops;
		this.#drops = 0;
		return drops;
	}

	/** Namespaces that could not be listened to, and what to do about it; since the last call, each once. */
	takeRefused(): { readonly count: number; readonly hint: string | null } {
		return this.#refused.take();
	}

	#isWanted(inode: number): boolean {
		const { netns } = this.#options;
		return netns.length === 0 || netns.includes(inode);
	}

	/** @returns whether more may wait */
	#readSome(listened: Listened, now: number): boolean {
		const isMore = listened.socket.receive((packet) => {
			listened.readMs = packet.seconds * 1000 + packet.nanoseconds / 1e6;
			this.#take(listened.inode, packet);
		});
		if (!isMore) listened.readMs = now;
		return isMore;
	}

	/** What cannot be read in time is counted. */
	#leave(listened: Listened): void {
		const { inode, socket } = listened;
		const until = performance.now() + MOST_MS;
		let isMore = true;
		while (isMore && performance.now() < until) isMore = this.#readSome(listened, 0);
		while (isMore) isMore = socket.receive(() => void this.#drops++);
		this.#drops += socket.drops();
		socket[Symbol.dispose]();
		this.#listened.delete(inode);
	}

	[Symbol.dispose](): void {
		for (const { socket } of this.#listened.values()) socket[Symbol.dispose]();
		this.#listened.clear();
	}
}
