import { describe, expect, test } from "bun:test";
import { SocketTable } from "../../src/flow/socket-table.ts";
import { socketInfo } from "../../src/maps/structs.ts";

/** 5-level page tables: the lowest and the highest address that the kernel can give. */
const LOWEST = 0xff00_0000_0000_0000n;
const HIGHEST = 0xffff_ffff_ffff_fff8n;

interface Seen {
	readonly sock: bigint;
	/** 0: the socket itself. */
	readonly pid?: number;
	readonly fd?: number;
	readonly port?: number;
	readonly file?: boolean;
	readonly mptcp?: bigint;
}

function rows(...seen: readonly Seen[]): DataView {
	const bytes = new Uint8Array(seen.length * socketInfo.size);
	seen.forEach(({ sock, pid = 0, fd = 0, port = 80, file = true, mptcp = 0n }, i) => {
		const zero = socketInfo.zero();
		const owner = { ...zero.owner, pid };
		const has_file = file ? 1 : 0;
		const row = { ...zero, sock, owner, fd, local_port: port, has_file, mptcp_sock: mptcp };
		bytes.set(socketInfo.encode(row), i * socketInfo.size);
	});
	return new DataView(bytes.buffer);
}

/** For each socket "pid:fd" of each record. */
function sockets(table: SocketTable): string[][] {
	return Array.from(table.sockets(), (places) =>
		places.map((place) => {
			const { owner, fd } = socketInfo.read(table.view, place, socketInfo.zero());
			return `${owner.pid}:${fd}`;
		}),
	);
}

function tableOf(...reads: readonly DataView[]): SocketTable {
	const table = new SocketTable();
	for (const read of reads) table.add(read);
	return table;
}

describe("what the kernel says of a socket is one entry", () => {
	for (const [what, reads, expected] of [
		["seen through a file, then itself", [[{ pid: 5, fd: 3 }], [{}]], [["5:3"]]],
		["seen itself, then through a file", [[{}], [{ pid: 5, fd: 3 }]], [["5:3"]]],
		["seen itself only", [[{ file: false }]], [["0:0"]]],
		["seen twice through one file", [[{ pid: 5, fd: 3 }], [{ pid: 5, fd: 3 }]], [["5:3"]]],
		[
			"held by two programs",
			[
				[
					{ pid: 9, fd: 4 },
					{ pid: 5, fd: 7 },
				],
			],
			[["5:7", "9:4"]],
		],
		[
			"held twice by one program",
			[
				[
					{ pid: 5, fd: 8 },
					{ pid: 5, fd: 3 },
				],
			],
			[["5:3", "5:8"]],
		],
		["gone, its memory given to another", [[{ pid: 5, fd: 3 }], [{ port: 81 }]], [["0:0"]]],
	] as const)
		test(what, () => {
			const found = reads.map((read) => rows(...read.map((one) => ({ sock: HIGHEST, ...one }))));
			expect(sockets(tableOf(...found))).toEqual(expected.map((holders) => [...holders]));
		});
});

test("addresses that differ in one bit are different sockets", () => {
	const neighbours = Array.from({ length: 53 }, (_, bit) => LOWEST + (1n << BigInt(bit + 3)));
	const all = [LOWEST, ...neighbours].map((sock, fd) => ({ sock, pid: 1, fd }));
	expect(sockets(tableOf(rows(...all))).length).toBe(54);
});

test("more records than there is room for at first", () => {
	const all = Array.from({ length: 3000 }, (_, fd) => ({
		sock: LOWEST + BigInt(fd * 8),
		pid: 1,
		fd,
	}));
	const table = tableOf(rows(...all.slice(0, 1000)), rows(...all.slice(1000)));
	expect(sockets(table)).toEqual(all.map(({ fd }) => [`1:${fd}`]));
});

describe("a second look at the files is needed", () => {
	for (const [what, seen, expected] of [
		["for a socket with a file that was not met", [{}], true],
		["not where its file was met", [{}, { pid: 5 }], false],
		["not for a socket without a file", [{ file: false }], false],
		["not for nothing", [], false],
	] as const)
		test(what, () => {
			const table = tableOf(rows(...seen.map((one) => ({ sock: LOWEST, ...one }))));
			expect(table.hasUnclaimed()).toBe(expected);
		});
});

describe("of an MPTCP socket", () => {
	const [MPTCP, FIRST, SECOND] = [LOWEST, LOWEST + 8n, LOWEST + 16n];
	const held = (pid: number, fd: number): Seen => ({ sock: MPTCP, mptcp: MPTCP, pid, fd, port: 0 });
	const subflow = (sock: bigint): Seen => ({ sock, mptcp: MPTCP });
	const joined = (...reads: readonly (readonly Seen[])[]): string[][] => {
		const table = tableOf(...reads.map((read) => rows(...read)));
		expect(table.hasUnclaimed()).toBe(!reads.flat().some(({ pid }) => pid));
		table.joinMptcp();
		return sockets(table);
	};

	test("the holders are those of its connection, which is there once", () => {
		expect(joined([held(9, 4), held(5, 7)], [subflow(FIRST)])).toEqual([["5:7", "9:4"]]);
	});

	test("each connection has the holders, and is itself", () => {
		const table = tableOf(rows(held(5, 7)), rows(subflow(FIRST), { ...subflow(SECOND), port: 81 }));
		table.joinMptcp();
		const found = [...table.sockets()].flat().map((place) => {
			const { sock, local_port, owner, fd } = socketInfo.read(table.view, place, socketInfo.zero());
			return [sock, local_port, owner.pid, fd];
		});
		expect(found).toEqual([
			[FIRST, 80, 5, 7],
			[SECOND, 81, 5, 7],
		]);
	});

	test("that nobody was found to hold, the connections have no holder", () => {
		expect(joined([], [subflow(FIRST), subflow(SECOND)])).toEqual([["0:0"], ["0:0"]]);
	});

	test("without a connection nothing is there", () => {
		expect(joined([held(5, 7)])).toEqual([]);
	});
});
