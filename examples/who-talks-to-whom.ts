/** A graph of what is connected now: bun run examples/who-talks-to-whom.ts | dot -Tsvg > graph.svg */

import { type ConnectionRecord, listConnections } from "conntracer";

const connections = [...listConnections({ transport: "tcp" })];

/** Both ends of a connection within this machine have it, with the other one's names. */
const endpoints = (from: ConnectionRecord): string =>
	`${from.local_address} ${from.local_port} ${from.remote_address} ${from.remote_port}`;
const mirrored = (from: ConnectionRecord): string =>
	`${from.remote_address} ${from.remote_port} ${from.local_address} ${from.local_port}`;
const byEndpoints = new Map(connections.map((one) => [endpoints(one), one]));

const edges = new Map<string, number>();
for (const one of connections) {
	if (one.direction !== "active") continue;
	const peer = byEndpoints.get(mirrored(one))?.process ?? one.remote_address;
	// JSON quotes what is in a name as DOT does.
	const [from, to] = [JSON.stringify(one.process ?? "?"), JSON.stringify(peer)];
	const edge = `${from} -> ${to} [label="${one.remote_port}"`;
	edges.set(edge, (edges.get(edge) ?? 0) + 1);
}

console.log("digraph connections {");
for (const [edge, count] of edges) console.log(`\t${edge}, weight=${count}];`);
console.log("}");
