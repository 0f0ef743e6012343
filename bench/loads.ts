/** The loads that everything is measured under: test/support/pace.c, in a network namespace. */

import { cProgram } from "../test/support/c-program.ts";
import type { Place } from "./place.ts";

/** What one run of a load says of itself. */
export interface Pace {
	readonly operations: number;
	readonly seconds: number;
	/** Of an operation, from when it was due. */
	readonly p50_us: number;
	readonly p99_us: number;
	/** On a CPU, of client and server. */
	readonly cpu_seconds: number;
}

export interface Load {
	readonly name: string;
	/** What one operation is. */
	readonly unit: string;
	/** TCP connections that an operation opens and closes. */
	readonly connections: number;
	/** Each for a program of its own, at the same time. */
	readonly commands: readonly (readonly string[])[];
}

const CONNECT = ["connect", "--threads", "2"];
const SECONDS = 2;

export type LoadName =
	| "connect"
	| "connect10k"
	| "connect40k"
	| "message"
	| "bulk"
	| "datagram"
	| "mixed";

const load = (
	name: string,
	unit: string,
	connections: number,
	...commands: readonly string[][]
): Load => ({ name, unit, connections, commands });

/** @param scale of the operations: 1 is some two seconds of each */
export function loads(scale: number): Readonly<Record<LoadName, Load>> {
	const count = (each: number): string[] => ["--count", `${Math.round(each * scale)}`];
	const paced = (name: string, rate: number): Load => {
		const command = [...CONNECT, "--rate", `${rate}`, ...count(rate * SECONDS)];
		return load(name, "connection", 1, command);
	};
	return {
		connect: load("connect, request, response, close, as fast as it goes", "connection", 1, [
			...CONNECT,
			...count(40_000),
		]),
		connect10k: paced("10,000 connections a second", 10_000),
		connect40k: paced("40,000 connections a second asked for, or as many as go", 40_000),
		message: load("requests and responses on 9,000 open connections", "message", 0, [
			...["message", "--connections", "9000"],
			...count(120_000),
		]),
		bulk: load("one connection, 64 KiB a write", "write", 0, ["bulk", ...count(60_000)]),
		datagram: load("UDP requests and responses", "datagram with its answer", 0, [
			"datagram",
			...count(80_000),
		]),
		mixed: load(
			"2,000 connections a second, messages and datagrams beside each other",
			"operation",
			0,
			[...CONNECT, "--rate", "2000", ...count(4000)],
			["message", "--connections", "1000", ...count(30_000)],
			["datagram", ...count(30_000)],
		),
	};
}

async function paceOf(place: Place, command: readonly string[]): Promise<Pace> {
	const child = Bun.spawn([...place.prefix, cProgram("pace"), ...command], { stdout: "pipe" });
	const text = await new Response(child.stdout).text();
	if ((await child.exited) !== 0) throw new Error(`pace ${command.join(" ")} has failed`);
	return JSON.parse(text);
}

/** Of several programs: operations and CPU together, the longest time, the worst latencies. */
export async function runLoad(place: Place, load: Load): Promise<Pace> {
	const paces = await Promise.all(load.commands.map((command) => paceOf(place, command)));
	const most = (of: (pace: Pace) => number): number => Math.max(...paces.map(of));
	const sum = (of: (pace: Pace) => number): number => paces.reduce((all, one) => all + of(one), 0);
	return {
		operations: sum((pace) => pace.operations),
		seconds: most((pace) => pace.seconds),
		p50_us: most((pace) => pace.p50_us),
		p99_us: most((pace) => pace.p99_us),
		cpu_seconds: sum((pace) => pace.cpu_seconds),
	};
}
