/** A socket to netfilter in the kernel (netlink(7)), of the network namespace in which it was made. */

import { LibbpfError } from "../errors.ts";
import { EAGAIN, EINTR, ENOBUFS, errnoName } from "./errno.ts";
import { closeFd, errno, fail, libc } from "./libc.ts";

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0x80000;
const NETLINK_NETFILTER = 12;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_RCVBUFFORCE = 33;
const SO_MEMINFO = 55;
/** enum sk_meminfo_vars of sock_diag.h */
const SK_MEMINFO_DROPS = 8;
const SK_MEMINFO_VARS = 9;
const MSG_DONTWAIT = 0x40;
const ADDRESS_BYTES = 12;
const GROUPS_OFFSET = 8;

/** What receive() has found in place of messages. */
export const NOTHING_WAITS = 0;
export const OVERRUN = -1;

export class NetlinkSocket implements Disposable {
	readonly #fd: number;
	#isClosed = false;

	private constructor(fd: number) {
		this.#fd = fd;
	}

	/**
	 * @param groups a bit for each multicast group, the lowest for group 1
	 * @param bufferBytes that the kernel may keep for it; without CAP_NET_ADMIN it may be less
	 * @throws LibbpfError
	 */
	static open(groups: number, bufferBytes: number): NetlinkSocket {
		const fd = libc.socket(AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_NETFILTER);
		if (fd < 0) fail("netlink socket");
		const socket = new NetlinkSocket(fd);
		try {
			const size = Uint32Array.of(bufferBytes);
			if (libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, size, size.byteLength) !== 0)
				libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, size, size.byteLength);
			const address = new DataView(new ArrayBuffer(ADDRESS_BYTES));
			address.setUint16(0, AF_NETLINK, true);
			address.setUint32(GROUPS_OFFSET, groups, true);
			if (libc.bind(fd, new Uint8Array(address.buffer), ADDRESS_BYTES) !== 0) fail("netlink bind");
			return socket;
		} catch (error) {
			socket[Symbol.dispose]();
			throw error;
		}
	}

	/** @throws LibbpfError */
	send(message: Uint8Array): void {
		if (libc.send(this.#fd, message, message.length, 0) < 0) fail("netlink send");
	}

	/**
	 * @returns how many bytes of whole messages are in `into` now, or NOTHING_WAITS, or OVERRUN: some
	 * were dropped for want of room, once for all that were
	 * @throws LibbpfError
	 */
	receive(into: Uint8Array): number {
		for (;;) {
			const count = Number(libc.recv(this.#fd, into, into.length, MSG_DONTWAIT));
			if (count >= 0) return count;
			const number = errno();
			if (number === EAGAIN) return NOTHING_WAITS;
			if (number === ENOBUFS) return OVERRUN;
			if (number !== EINTR) throw new LibbpfError("netlink receive", number, errnoName(number), "");
		}
	}

	/** Messages that found no room, since it was opened. */
	drops(): number {
		const values = new Uint32Array(SK_MEMINFO_VARS);
		const length = Uint32Array.of(values.byteLength);
		if (libc.getsockopt(this.#fd, SOL_SOCKET, SO_MEMINFO, values, length) !== 0)
			fail("netlink SO_MEMINFO");
		return values[SK_MEMINFO_DROPS] ?? 0;
	}

	[Symbol.dispose](): void {
		if (this.#isClosed) return;
		this.#isClosed = true;
		closeFd(this.#fd);
	}
}
