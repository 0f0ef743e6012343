/** Whose questions of DNS are: the process of the socket that asks, if that is in the network namespace. */

import type { DnsRecord } from "./dns-records.ts";
import type { Owner } from "./flow-owners.ts";
import type { FlowRecord } from "./records.ts";

type Asking = Pick<
	DnsRecord,
	"netns" | "transport" | "client_address" | "client_port" | "server_address" | "server_port"
>;

type Places = Map<string, FlowRecord[]>;

/** A socket that is bound to all addresses does not know its own. */
const UNSPECIFIED = new Set(["0.0.0.0", "::"]);

/**
 * The sockets of the last two looks: one that is gone is in the look after it, and what it has asked
 * may be read after that.
 */
export class DnsOwners {
	#now: Places = new Map();
	#before: Places = new Map();

	/** What a look has found: flows that are single connections. */
	take(flows: readonly FlowRecord[]): void {
		this.#before = this.#now;
		this.#now = new Map();
		for (const flow of flows) {
			if (flow.process === null && flow.last_pid === null) continue;
			const place = placeOf(flow.netns, flow.transport, flow.local_port ?? 0);
			const others = this.#now.get(place);
			if (others === undefined) this.#now.set(place, [flow]);
			else others.push(flow);
		}
	}

	/** Null where it is not known. */
	of(asking: Asking): Owner | null {
		const place = placeOf(asking.netns, asking.transport, asking.client_port);
		const flow = find(this.#now.get(place), asking) ?? find(this.#before.get(place), asking);
		return flow === undefined ? null : { pid: flow.last_pid, process: flow.process };
	}
}

const placeOf = (netns: number, transport: string, port: number): string =>
	`${netns} ${transport} ${port}`;

/** A socket that knows its peer, or else one that may be it. */
function find(flows: readonly FlowRecord[] | undefined, asking: Asking): FlowRecord | undefined {
	const own = flows?.filter(
		({ local_address }) =>
			local_address === asking.client_address || UNSPECIFIED.has(local_address),
	);
	return (
		own?.find(
			({ remote_address, remote_port }) =>
				remote_address === asking.server_address && remote_port === asking.server_port,
		) ?? own?.find(({ remote_address }) => remote_address === null)
	);
}
