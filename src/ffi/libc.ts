/** libc: system calls that Bun has no door for. */

import { dlopen, type FFIFunction, type Library, type Pointer, read, toArrayBuffer } from "bun:ffi";
import { LibbpfError } from "../errors.ts";
import { EAGAIN, EINTR, EPERM, errnoName } from "./errno.ts";
import { LIBC_SYMBOLS } from "./symbols.ts";

/** For src/ffi alone. */
export const openLibc = <T extends Readonly<Record<string, FFIFunction>>>(
	symbols: T,
): Library<T> => {
	try {
		return dlopen("libc.so.6", symbols);
	} catch {
		return dlopen("libc.so", symbols); // musl
	}
};

/** For src/ffi alone. */
export const libc = openLibc(LIBC_SYMBOLS).symbols;

export const cString = (text: string): Uint8Array => new TextEncoder().encode(`${text}\0`);

/** Valid only right after the call that failed. */
export const errno = (): number => {
	const location = libc.__errno_location();
	return location === null ? 0 : read.i32(location, 0);
};

export const fail = (operation: string): never => {
	const number = errno();
	throw new LibbpfError(operation, number, errnoName(number), "");
};

/** Formats a va_list that a C caller handed to a callback; valid only during that callback. */
export const formatVaList = (into: Uint8Array, format: Pointer, list: Pointer): string => {
	const length = libc.vsnprintf(into, into.length, format, list);
	return new TextDecoder().decode(into.subarray(0, Math.min(Math.max(length, 0), into.length - 1)));
};

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;

/** Memory shared with the kernel. After close() nothing may touch `bytes` any more. */
export class MappedRegion {
	readonly memory: ArrayBuffer;
	readonly view: DataView;
	#address: Pointer | null;

	/** Maps `length` bytes of a BPF ring buffer, or of an array made with BPF_F_MMAPABLE. */
	constructor(
		fd: number,
		length: number,
		operation: string,
		{ offset = 0, isWritable = true } = {},
	) {
		const access = isWritable ? PROT_READ | PROT_WRITE : PROT_READ;
		const address = libc.mmap(null, length, access, MAP_SHARED, fd, offset);
		// MAP_FAILED is (void *)-1, above any address.
		if (typeof address !== "number" || address > 2 ** 52) fail(operation);
		this.#address = address as Pointer;
		// SAFETY: the kernel keeps the pages until munmap; close() below is the only caller of it.
		this.memory = toArrayBuffer(address as Pointer, 0, length);
		this.view = new DataView(this.memory);
	}

	close(): void {
		if (this.#address === null) return;
		libc.munmap(this.#address, this.memory.byteLength);
		this.#address = null;
	}
}

/** Bytes read, 0 at the end. EINTR and EAGAIN are retried: a BPF iterator returns them to breathe. */
export const readFd = (fd: number, into: Uint8Array, operation: string): number => {
	for (;;) {
		const count = Number(libc.read(fd, into, into.length));
		if (count >= 0) return count;
		const number = errno();
		if (number !== EINTR && number !== EAGAIN)
			throw new LibbpfError(operation, number, errnoName(number), "");
	}
};

export const closeFd = (fd: number): void => {
	libc.close(fd);
};

const SC_PAGESIZE = 30;

export const pageSize = (): number => Number(libc.sysconf(SC_PAGESIZE));

const CLONE_NEWNET = 0x40000000;

/** Moves the calling thread into a network namespace. Throws LibbpfError. */
export const enterNetns = (fd: number, name: string): void => {
	if (libc.setns(fd, CLONE_NEWNET) !== 0) fail(`setns ${name}`);
};

const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOL_SOCKET = 1;
const SO_NETNS_COOKIE = 71;

/** A TCP socket that is gone at once: what is hooked to its end has been called then. */
export const closeTcpSocket = (): void => {
	const fd = libc.socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0) fail("socket");
	closeFd(fd);
};

/** What tells the calling thread's network namespace from any other; 0 before Linux 5.14. */
export const netnsCookie = (): bigint => {
	const fd = libc.socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0) fail("socket");
	const cookie = new BigUint64Array(1);
	const length = Uint32Array.of(cookie.byteLength);
	const result = libc.getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, cookie, length);
	closeFd(fd);
	return result === 0 ? (cookie[0] ?? 0n) : 0n;
};

const LOCK_EX = 2;

/** Waits until nobody else has the file locked; until it is closed. Throws LibbpfError. */
export const lockFile = (fd: number): void => {
	while (libc.flock(fd, LOCK_EX) !== 0) if (errno() !== EINTR) fail("flock");
};

const MFD_CLOEXEC = 1;

/** A file that lives in memory only. */
export const memoryFile = (name: string): number => {
	const fd = libc.memfd_create(cString(name), MFD_CLOEXEC);
	return fd < 0 ? fail(`memfd_create ${name}`) : fd;
};

const POLLERR = 8;

/** True once nobody can read what is written to this pipe or socket any more. */
export const readerIsGone = (fd: number): boolean => {
	const request = new DataView(new ArrayBuffer(8));
	request.setInt32(0, fd, true);
	if (libc.poll(new Uint8Array(request.buffer), 1, 0) <= 0) return false;
	return (request.getInt16(6, true) & POLLERR) !== 0;
};

const POLLOUT = 4;

/** True where a write of a line would have to wait; not of a file, or where nobody reads any more. */
export const writeWouldBlock = (fd: number): boolean => {
	const request = new DataView(new ArrayBuffer(8));
	request.setInt32(0, fd, true);
	request.setInt16(4, POLLOUT, true);
	return libc.poll(new Uint8Array(request.buffer), 1, 0) === 0;
};

/** arch/…/include/asm/unistd.h: what libc has no function for, by process.arch. */
const CALLS: Readonly<Record<string, { readonly tgkill: number; readonly bpf: number }>> = {
	x64: { tgkill: 234, bpf: 321 },
	arm64: { tgkill: 131, bpf: 280 },
};

/** Sends a signal to one thread of this process; one that is gone needs none. */
export const signalThread = (thread: number, signal: number): void => {
	const call = CALLS[process.arch]?.tgkill;
	if (call !== undefined) libc.syscall(call, process.pid, thread, signal);
};

const BPF_OBJ_GET_INFO_BY_FD = 15;

/**
 * Whether the calling thread may use what it has of BPF. Before Linux 5.19 (c8644cd0efe7) that takes
 * CAP_BPF where kernel.unprivileged_bpf_disabled is set.
 */
export const mayUseBpf = (): boolean => {
	const call = CALLS[process.arch]?.bpf;
	// No attributes at all: who may not is told so first.
	if (call === undefined) return true;
	return Number(libc.syscall(call, BPF_OBJ_GET_INFO_BY_FD, 0, 0)) >= 0 || errno() !== EPERM;
};

const CAPABILITY_VERSION_3 = 0x20080522;

/** Of the calling thread, as bit masks; the inheritable and ambient ones go. Throws LibbpfError. */
export const setCapabilities = (effective: bigint, permitted: bigint): void => {
	const half = (mask: bigint, high: boolean) => Number((high ? mask >> 32n : mask) & 0xffffffffn);
	const sets = Uint32Array.of(
		...[half(effective, false), half(permitted, false), 0],
		...[half(effective, true), half(permitted, true), 0],
	);
	if (libc.capset(Uint32Array.of(CAPABILITY_VERSION_3, 0), sets) !== 0) fail("capset");
};

const PR_SET_NO_NEW_PRIVS = 38;

/** The calling thread, and what it starts, cannot gain rights by executing a program any more. */
export const forbidNewPrivileges = (): void => {
	if (libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) !== 0) fail("prctl");
};

const PRIO_PROCESS = 0;
const CALLING_THREAD = 0;

/** Of the calling thread, -20 to 19; the lower the sooner it runs. Throws LibbpfError. */
export const setNiceness = (value: number): void => {
	if (libc.setpriority(PRIO_PROCESS, CALLING_THREAD, value) !== 0) fail(`set niceness ${value}`);
};
