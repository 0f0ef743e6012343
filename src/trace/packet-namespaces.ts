/** A packet socket in each network namespace: all that there are, or those that are wanted. */

import { networkNamespaces, OWN_NETWORK_NAMESPACE } from "../enrich/procfs.ts";
import { LibbpfError, PermissionError } from "../errors.ts";
import { EPERM } from "../ffi/errno.ts";
import { PacketSocket } from "../ffi/packet-socket.ts";
import { netnsInode, visitNetns } from "./netns.ts";

interface Options {
	/** Inode numbers; none: all. */
	readonly netns: readonly number[];
	/** Of packetFilter(). */
	readonly filter: Uint8Array;
	readonly bufferBytes: number;
}

/** For namespaces that were found, and not entered. */
const MOST_LOOKS = 4;
/** Calls of one look, of 32 packets each: whatever comes in, others have their turn. */
const MOST_CALLS = 512;

export type TakeFrom = (
	netns: number,
	bytes: Uint8Array,
	seconds: number,
	nanoseconds: number,
) => void;

export class PacketNamespaces implements Disposable {
	readonly #options: Options;
	readonly #take: TakeFrom;
	readonly #sockets = new Map<number, PacketSocket>();
	#drops = 0;

	constructor(options: Options, take: TakeFrom) {
		this.#options = options;
		this.#take = take;
	}

	/** Namespaces that are listened to. */
	get size(): number {
		return this.#sockets.size;
	}

	/**
	 * Listens in what is new, and leaves what nobody else is in: an open socket would keep it.
	 *
	 * @throws PermissionError, LibbpfError
	 */
	scan(): void {
		const found = networkNamespaces();
		for (const [inode, socket] of this.#sockets) if (!found.has(inode)) this.#leave(inode, socket);
		this.#join(found);
		// Who it was found by was a visitor, and has left; another look finds who stays.
		for (let looks = 1; looks < MOST_LOOKS && this.#isMissing(found); looks++)
			this.#join(networkNamespaces());
	}

	#join(found: ReadonlyMap<number, string>): void {
		for (const [inode, path] of found) {
			if (!this.#isWanted(inode) || this.#sockets.has(inode)) continue;
			visitNetns(path, () => {
				if (netnsInode(OWN_NETWORK_NAMESPACE) === inode) this.#sockets.set(inode, this.#open());
			});
		}
	}

	/** That is still there. */
	#isMissing(found: ReadonlyMap<number, string>): boolean {
		for (const [inode, path] of found)
			if (this.#isWanted(inode) && !this.#sockets.has(inode) && netnsInode(path) !== inode)
				return true;
		return false;
	}

	/** @returns whether nothing waits any more that came in before the call */
	read(): boolean {
		let isAll = true;
		for (const [inode, socket] of this.#sockets) isAll = this.#readOne(inode, socket) && isAll;
		return isAll;
	}

	/** Packets for which a socket had no room, since the last call. */
	takeDrops(): number {
		for (const socket of this.#sockets.values()) this.#drops += socket.drops();
		const drops = this.#drops;
		this.#drops = 0;
		return drops;
	}

	#isWanted(inode: number): boolean {
		const { netns } = this.#options;
		return netns.length === 0 || netns.includes(inode);
	}

	#open(): PacketSocket {
		const { filter, bufferBytes } = this.#options;
		try {
			return PacketSocket.open(filter, bufferBytes);
		} catch (error) {
			if (!(error instanceof LibbpfError) || error.errno !== EPERM) throw error;
			throw new PermissionError("listen to packets", ["CAP_NET_RAW"], { cause: error });
		}
	}

	#readOne(inode: number, socket: PacketSocket): boolean {
		const take = (bytes: Uint8Array, seconds: number, nanoseconds: number): void =>
			this.#take(inode, bytes, seconds, nanoseconds);
		for (let calls = 0; calls < MOST_CALLS; calls++) if (!socket.receive(take)) return true;
		return false;
	}

	#leave(inode: number, socket: PacketSocket): void {
		this.#readOne(inode, socket);
		this.#drops += socket.drops();
		socket[Symbol.dispose]();
		this.#sockets.delete(inode);
	}

	[Symbol.dispose](): void {
		for (const socket of this.#sockets.values()) socket[Symbol.dispose]();
		this.#sockets.clear();
	}
}
