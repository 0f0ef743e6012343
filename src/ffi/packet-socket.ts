/** A packet socket (packet(7)), of the network namespace in which it was made. */

import { ptr } from "bun:ffi";
import { LibbpfError } from "../errors.ts";
import { EAGAIN, EINTR, ENETDOWN, errnoName } from "./errno.ts";
import { closeFd, errno, fail, libc } from "./libc.ts";

const AF_PACKET = 17;
/** SOCK_DGRAM: without link headers, so that each packet begins with IP's, whatever carries it. */
const SOCK_DGRAM_CLOEXEC = 2 | 0x80000;
/** In network byte order, as the kernel takes it. A socket of one protocol does not hear what goes out. */
const ETH_P_ALL = 0x0300;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_ATTACH_FILTER = 26;
const SO_RCVBUFFORCE = 33;
const SO_TIMESTAMPNS = 35;
const SOL_PACKET = 263;
const PACKET_STATISTICS = 6;
const MSG_DONTWAIT = 0x40;
/** struct sockaddr_ll */
const ADDRESS = { bytes: 20, hardwareType: 8, packetType: 10 };
const ARPHRD_LOOPBACK = 772;
const PACKET_OUTGOING = 4;
const INSTRUCTION_BYTES = 8;

/** Packets of one call. */
const AT_ONCE = 32;
/** IP has no longer ones; what the kernel would cut for the card (BIG TCP) is cut. */
const PACKET_BYTES = 65_536;
/** struct mmsghdr, with struct msghdr in it, on machines with 64 bits. */
const MMSGHDR = {
	...{ bytes: 64, name: 0, nameLength: 8, iov: 16, iovCount: 24, control: 32, controlLength: 40 },
	length: 56,
};
const IOVEC_BYTES = 16;
/** struct cmsghdr, and struct timespec behind it. */
const CMSGHDR_BYTES = 16;
const CONTROL_BYTES = CMSGHDR_BYTES + 16;

/** What a packet socket has of a packet. */
export interface CapturedPacket {
	/** From IP's first on. */
	readonly bytes: Uint8Array;
	/** Since 1970, when the kernel met it; and nanoseconds behind them. */
	readonly seconds: number;
	readonly nanoseconds: number;
	/** It leaves by its interface; else it comes in. */
	readonly isOutgoing: boolean;
	readonly isLoopback: boolean;
}

/** What waits in a packet socket is read into here: what is read is there until the next reading. */
class Batch {
	readonly #packets = new Uint8Array(AT_ONCE * PACKET_BYTES);
	readonly #addresses = new DataView(new ArrayBuffer(AT_ONCE * ADDRESS.bytes));
	readonly #control = new DataView(new ArrayBuffer(AT_ONCE * CONTROL_BYTES));
	readonly #vectors = new DataView(new ArrayBuffer(AT_ONCE * IOVEC_BYTES));
	readonly #headers = new DataView(new ArrayBuffer(AT_ONCE * MMSGHDR.bytes));
	readonly headers = new Uint8Array(this.#headers.buffer);

	/** SAFETY: the headers hold addresses of the other four, which live as long as this does. */
	constructor() {
		const packets = ptr(this.#packets);
		const vectors = ptr(new Uint8Array(this.#vectors.buffer));
		const control = ptr(new Uint8Array(this.#control.buffer));
		const addresses = ptr(new Uint8Array(this.#addresses.buffer));
		for (let index = 0; index < AT_ONCE; index++) {
			const vector = index * IOVEC_BYTES;
			this.#vectors.setBigUint64(vector, BigInt(packets + index * PACKET_BYTES), true);
			this.#vectors.setBigUint64(vector + 8, BigInt(PACKET_BYTES), true);
			const header = index * MMSGHDR.bytes;
			const name = BigInt(addresses + index * ADDRESS.bytes);
			this.#headers.setBigUint64(header + MMSGHDR.name, name, true);
			this.#headers.setBigUint64(header + MMSGHDR.iov, BigInt(vectors + vector), true);
			this.#headers.setBigUint64(header + MMSGHDR.iovCount, 1n, true);
			const place = BigInt(control + index * CONTROL_BYTES);
			this.#headers.setBigUint64(header + MMSGHDR.control, place, true);
		}
	}

	/** The kernel leaves there how much it has used. */
	prepare(): void {
		for (let index = 0; index < AT_ONCE; index++) {
			const header = index * MMSGHDR.bytes;
			this.#headers.setUint32(header + MMSGHDR.nameLength, ADDRESS.bytes, true);
			this.#headers.setUint32(header + MMSGHDR.controlLength, CONTROL_BYTES, true);
			this.#headers.setUint32(header + MMSGHDR.controlLength + 4, 0, true);
		}
	}

	/** Puts it into `packet`. */
	fill(packet: Writable<CapturedPacket>, index: number): void {
		const address = index * ADDRESS.bytes;
		packet.bytes = this.#bytes(index);
		packet.seconds = this.#seconds(index);
		packet.nanoseconds = this.#nanoseconds(index);
		packet.isOutgoing = this.#addresses.getUint8(address + ADDRESS.packetType) === PACKET_OUTGOING;
		packet.isLoopback =
			this.#addresses.getUint16(address + ADDRESS.hardwareType, true) === ARPHRD_LOOPBACK;
	}

	#bytes(index: number): Uint8Array {
		const length = this.#headers.getUint32(index * MMSGHDR.bytes + MMSGHDR.length, true);
		const at = index * PACKET_BYTES;
		return this.#packets.subarray(at, at + Math.min(length, PACKET_BYTES));
	}

	/** Two halves of a number that is not near 2^53. */
	#seconds(index: number): number {
		const at = index * CONTROL_BYTES + CMSGHDR_BYTES;
		return this.#control.getUint32(at, true) + this.#control.getUint32(at + 4, true) * 2 ** 32;
	}

	#nanoseconds(index: number): number {
		return this.#control.getUint32(index * CONTROL_BYTES + CMSGHDR_BYTES + 8, true);
	}
}

/** One for all sockets, made with the first. */
let batch: Batch | null = null;

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

/** The same for all: it is overwritten by the next packet. */
const captured: Writable<CapturedPacket> = {
	...{ bytes: new Uint8Array(0), seconds: 0, nanoseconds: 0, isOutgoing: false },
	isLoopback: false,
};

export type TakePacket = (packet: CapturedPacket) => void;

export class PacketSocket implements Disposable {
	readonly #fd: number;
	#isClosed = false;

	/** The lowest that was free. */
	get fd(): number {
		return this.#fd;
	}

	private constructor(fd: number) {
		this.#fd = fd;
	}

	/**
	 * @param filter instructions of classic BPF: nothing that they do not let through ever comes in
	 * @param bufferBytes that the kernel may keep for it; without CAP_NET_ADMIN it may be less
	 * @throws LibbpfError
	 */
	static open(filter: Uint8Array, bufferBytes: number): PacketSocket {
		batch ??= new Batch();
		// Protocol 0: it hears nothing before bind().
		const fd = libc.socket(AF_PACKET, SOCK_DGRAM_CLOEXEC, 0);
		if (fd < 0) fail("packet socket");
		const socket = new PacketSocket(fd);
		try {
			socket.#attach(filter);
			const size = Uint32Array.of(bufferBytes);
			if (libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, size, size.byteLength) !== 0)
				libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, size, size.byteLength);
			const on = Uint32Array.of(1);
			if (libc.setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, on, on.byteLength) !== 0)
				fail("packet SO_TIMESTAMPNS");
			const address = new DataView(new ArrayBuffer(ADDRESS.bytes));
			address.setUint16(0, AF_PACKET, true);
			address.setUint16(2, ETH_P_ALL, true);
			if (libc.bind(fd, new Uint8Array(address.buffer), ADDRESS.bytes) !== 0) fail("packet bind");
			return socket;
		} catch (error) {
			socket[Symbol.dispose]();
			throw error;
		}
	}

	/** SAFETY: the kernel copies the program during the call, in which `filter` is alive. */
	#attach(filter: Uint8Array): void {
		const program = new DataView(new ArrayBuffer(16));
		program.setUint16(0, filter.length / INSTRUCTION_BYTES, true);
		program.setBigUint64(8, BigInt(ptr(filter)), true);
		const bytes = new Uint8Array(program.buffer);
		if (libc.setsockopt(this.#fd, SOL_SOCKET, SO_ATTACH_FILTER, bytes, bytes.length) !== 0)
			fail("packet SO_ATTACH_FILTER");
	}

	/**
	 * Gives up to 32 packets that wait, each of them until `take` comes back.
	 *
	 * @returns whether more may wait
	 * @throws LibbpfError
	 */
	receive(take: TakePacket): boolean {
		const into = batch;
		if (into === null) return false;
		into.prepare();
		const count = this.#receive(into);
		for (let index = 0; index < count; index++) {
			into.fill(captured, index);
			take(captured);
		}
		return count === AT_ONCE;
	}

	#receive(into: Batch): number {
		for (;;) {
			const count = libc.recvmmsg(this.#fd, into.headers, AT_ONCE, MSG_DONTWAIT, null);
			if (count >= 0) return count;
			const number = errno();
			// ENETDOWN: an interface has gone down, which is told once.
			if (number === EAGAIN || number === ENETDOWN) return 0;
			if (number !== EINTR) throw new LibbpfError("packet receive", number, errnoName(number), "");
		}
	}

	/** Packets that found no room, since the last call. */
	drops(): number {
		const values = new Uint32Array(2);
		const length = Uint32Array.of(values.byteLength);
		if (libc.getsockopt(this.#fd, SOL_PACKET, PACKET_STATISTICS, values, length) !== 0)
			fail("packet PACKET_STATISTICS");
		return values[1] ?? 0;
	}

	[Symbol.dispose](): void {
		if (this.#isClosed) return;
		this.#isClosed = true;
		closeFd(this.#fd);
	}
}
