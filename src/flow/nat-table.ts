/** Whose addresses or ports are translated now, by what a socket takes for its own and its peer's. */

import type { CtFlow } from "../maps/ct-flow.ts";
import { endsOf, reversed } from "./flow-ends.ts";
import { protocolName } from "./protocols.ts";
import type { FlowEnds, FlowIdentity, Translation } from "./records.ts";

/** What is asked for: a port is null where it may be any. */
export type Asked = Pick<
	FlowIdentity,
	"transport" | "netns" | "local_address" | "local_port" | "remote_address" | "remote_port"
>;

export class NatTable {
	readonly #home: number;
	#size = 0;
	readonly #translations = new Map<string, Translation>();

	/** @param home number of the network namespace that others reach the world through */
	constructor(home: number) {
		this.#home = home;
	}

	/** Flows; one that is translated twice may count twice. */
	get size(): number {
		return this.#size;
	}

	/** A flow of `netns` that is translated. */
	add(netns: number, { original: seen, reply: answer }: CtFlow): void {
		this.#size++;
		const transport = protocolName(seen.protocol);
		const [original, reply] = [endsOf(seen), endsOf(answer)];
		this.#put(netns, transport, original, reversed(reply), "source_port");
		this.#put(netns, transport, reply, original, "destination_port");
	}

	/** As conntrack of its own network namespace has it, or else that of `home`. */
	find(asked: Asked): Translation | null {
		if (this.#size === 0 || asked.remote_address === null) return null;
		const { transport, netns, local_address, local_port, remote_address, remote_port } = asked;
		const ends = `${local_address} ${local_port ?? ""} ${remote_address} ${remote_port ?? ""}`;
		const inside = this.#translations.get(`${netns} ${transport} ${ends}`);
		return inside ?? this.#translations.get(`${this.#home} ${transport} ${ends}`) ?? null;
	}

	/** `client`: the port that is left out where connections are added up. */
	#put(
		netns: number,
		transport: string,
		seen: FlowEnds,
		translation: FlowEnds,
		client: "source_port" | "destination_port",
	): void {
		// Two zones of conntrack can have the same ends, and mean two connections.
		this.#add(keyOf(netns, transport, seen), translation);
		this.#add(keyOf(netns, transport, { ...seen, [client]: null }), translation);
	}

	#add(key: string, translation: Translation): void {
		const known = this.#translations.get(key);
		this.#translations.set(key, known === undefined ? translation : common(known, translation));
	}
}

function keyOf(netns: number, transport: string, ends: FlowEnds): string {
	const { source_address, source_port, destination_address, destination_port } = ends;
	return `${netns} ${transport} ${source_address} ${source_port ?? ""} ${destination_address} ${destination_port ?? ""}`;
}

/** The same flow twice is the same; of others what they have in common is left. */
function common(a: Translation, b: Translation): Translation {
	const same = <T>(one: T, other: T): T | null => (one === other ? one : null);
	return {
		source_address: same(a.source_address, b.source_address),
		source_port: same(a.source_port, b.source_port),
		destination_address: same(a.destination_address, b.destination_address),
		destination_port: same(a.destination_port, b.destination_port),
	};
}
