import { describe, expect, test } from "bun:test";
import { NatTable } from "../../src/flow/nat-table.ts";
import { CT_NEW, CtMessage } from "../../src/maps/ctnetlink.ts";
import { type CtTuple, ctMessage } from "../support/ct-messages.ts";

const [HOME, INSIDE, OTHER] = [1, 2, 3];
const TCP = 6;
const UDP = 17;
const SERVICE = { transport: "tcp", netns: INSIDE } as const;

/** A connection from 10.0.0.5 to 192.0.2.1:80, that goes to 10.9.9.9:8080 as 198.51.100.1. */
const message = (clientPort: number, backend = 9, protocol = TCP): CtMessage => {
	const original: CtTuple = {
		...{ source: [10, 0, 0, 5], destination: [192, 0, 2, 1], protocol },
		...{ sourcePort: clientPort, destinationPort: 80 },
	};
	const reply: CtTuple = {
		...{ source: [10, 9, 9, backend], destination: [198, 51, 100, 1], protocol },
		...{ sourcePort: 8080, destinationPort: clientPort + 1000 },
	};
	const bytes = ctMessage({ type: CT_NEW, original, reply });
	const read = new CtMessage(bytes);
	read.read(0, bytes.length);
	return read;
};
const client = (port: number | null) => ({
	...{ ...SERVICE, local_address: "10.0.0.5", local_port: port },
	...{ remote_address: "192.0.2.1", remote_port: 80 },
});
const server = (port: number | null, backend = 9) => ({
	...{ ...SERVICE, local_address: `10.9.9.${backend}`, local_port: 8080 },
	...{ remote_address: "198.51.100.1", remote_port: port },
});

describe("a connection that is translated", () => {
	const table = new NatTable(HOME);
	table.add(INSIDE, message(4000));

	test("is, for who opened it, what the other side sees and who that is", () => {
		expect(table.find(client(4000))).toEqual({
			...{ source_address: "198.51.100.1", source_port: 5000 },
			...{ destination_address: "10.9.9.9", destination_port: 8080 },
		});
	});

	test("is, for who was opened to, who that was and what it wanted", () => {
		expect(table.find(server(5000))).toEqual({
			...{ source_address: "10.0.0.5", source_port: 4000 },
			...{ destination_address: "192.0.2.1", destination_port: 80 },
		});
	});

	test("is none of another port, protocol or namespace, nor one without a peer", () => {
		expect(table.find(client(4001))).toBeNull();
		expect(table.find({ ...client(4000), transport: "udp" })).toBeNull();
		expect(table.find({ ...client(4000), netns: OTHER })).toBeNull();
		expect(table.find({ ...client(4000), remote_address: null })).toBeNull();
	});
});

test("others reach the world through home, but what their own namespace says comes first", () => {
	const table = new NatTable(HOME);
	table.add(HOME, message(4000, 7));
	expect(table.find(client(4000))?.destination_address).toBe("10.9.9.7");
	table.add(INSIDE, message(4000, 8));
	expect(table.find(client(4000))?.destination_address).toBe("10.9.9.8");
	expect(table.find({ ...client(4000), netns: OTHER })?.destination_address).toBe("10.9.9.7");
});

describe("connections that are added up", () => {
	test("have what they have in common", () => {
		const table = new NatTable(HOME);
		for (const port of [4000, 4001]) table.add(INSIDE, message(port));
		const common = { destination_address: "10.9.9.9", destination_port: 8080 };
		expect(table.find(client(null))).toEqual({
			...{ source_address: "198.51.100.1", source_port: null, ...common },
		});
		expect(table.find(server(null))).toEqual({
			...{ source_address: "10.0.0.5", source_port: null },
			...{ destination_address: "192.0.2.1", destination_port: 80 },
		});
	});

	test("to several servers have none", () => {
		const table = new NatTable(HOME);
		table.add(INSIDE, message(4000, 8));
		table.add(INSIDE, message(4001, 9));
		expect(table.find(client(null))).toMatchObject({
			...{ source_address: "198.51.100.1", source_port: null },
			...{ destination_address: null, destination_port: 8080 },
		});
	});

	test("of which one is found twice are one", () => {
		const table = new NatTable(HOME);
		for (let time = 0; time < 2; time++) table.add(INSIDE, message(4000, 9, UDP));
		expect(table.find({ ...client(null), transport: "udp" })?.source_port).toBe(5000);
	});
});
