/** Datagrams to a Unix socket (unix(7)), which Bun has none of: what sd_notify(3) speaks with. */

import { LibbpfError } from "../errors.ts";
import { EINVAL, errnoName } from "./errno.ts";
import { closeFd, errno, libc } from "./libc.ts";

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0x80000;
/** Nobody waits for who does not read: its queue is full then. */
const MSG_DONTWAIT_NOSIGNAL = 0x40 | 0x4000;
/** struct sockaddr_un: sa_family_t sun_family; char sun_path[108] */
const PATH_OFFSET = 2;
const PATH_BYTES = 108;

/** What bind(2) and sendto(2) take. A path that begins with @ is an abstract name. */
export function unixAddress(path: string): Uint8Array {
	const name = new TextEncoder().encode(path);
	const isAbstract = path.startsWith("@");
	// A path ends with a zero; an abstract name begins with one.
	if (name.length < 2 || name.length + (isAbstract ? 0 : 1) > PATH_BYTES)
		throw new LibbpfError(`unix socket ${path}`, EINVAL, errnoName(EINVAL), "");
	const address = new Uint8Array(PATH_OFFSET + name.length + (isAbstract ? 0 : 1));
	address[0] = AF_UNIX;
	address.set(name, PATH_OFFSET);
	if (isAbstract) address[PATH_OFFSET] = 0;
	return address;
}

/** One datagram. Throws LibbpfError. */
export function sendDatagram(path: string, text: string): void {
	const address = unixAddress(path);
	const fd = libc.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
	const bytes = new TextEncoder().encode(text);
	const isSent =
		fd >= 0 &&
		Number(libc.sendto(fd, bytes, bytes.length, MSG_DONTWAIT_NOSIGNAL, address, address.length)) >=
			0;
	// Of the call that failed, not of close().
	const number = errno();
	if (fd >= 0) closeFd(fd);
	if (!isSent) throw new LibbpfError(`notify ${path}`, number, errnoName(number), "");
}
