import { expect } from "bun:test";
import type {
	ChangedConnection,
	ClientAnswer,
	ClientOptions,
	CountedConnection,
} from "../../src/flow/client-answers.ts";
import { ClientChanges, type Question } from "../../src/flow/client-changes.ts";
import type { Name, Told } from "./client-cases.ts";

/** What a kernel and its sockets would say. */
export class World {
	readonly changes: ClientChanges<CountedConnection>;
	readonly open = new Map<Name, CountedConnection>();
	nowMs = 0;

	constructor(options: Partial<ClientOptions> = {}) {
		this.changes = new ClientChanges(options);
	}

	move(name: Name, bytes: number): void {
		const before = this.open.get(name)?.bytes_sent ?? 0;
		this.open.set(name, connection(name, before + bytes));
	}

	end(name: Name): void {
		const ended = this.open.get(name);
		if (ended === undefined) throw new Error(`${name} is not open`);
		this.open.delete(name);
		this.changes.close(ended);
	}

	/** The answer arrives. */
	ask(client: string, question: Question = {}): ClientAnswer<CountedConnection> {
		const answer = this.askFor(client, question);
		this.changes.told(client);
		return answer;
	}

	/** Nobody says whether it does. */
	askFor(client: string, question: Question = {}): ClientAnswer<CountedConnection> {
		const answer = this.changes.ask(client, this.open.values(), this.nowMs, question);
		if (answer === null) throw new Error(`${client} finds no room`);
		return answer;
	}

	told(client: string): Told {
		return Object.fromEntries(this.ask(client).connections.map(tell));
	}
}

export function connection(name: Name, bytes: number): CountedConnection {
	return {
		...{ id: name, transport: "tcp", netns: 1, pid: 7, local_address: "10.0.0.1" },
		...{ local_port: name.charCodeAt(0), remote_address: "10.0.0.2", remote_port: 443 },
		...{ bytes_sent: bytes, bytes_received: 2 * bytes, segments_sent: bytes },
		...{ segments_received: 0, segments_retransmitted: 0 },
	};
}

function tell(changed: ChangedConnection<CountedConnection>): [string, string] {
	const { since_last, bytes_sent, bytes_received, is_open } = changed;
	expect(bytes_received).toBe(2 * (bytes_sent ?? 0));
	expect(since_last.bytes_received).toBe(2 * (since_last.bytes_sent ?? 0));
	const ends = String.fromCharCode(changed.local_port);
	return [ends, `${bytes_sent}/${since_last.bytes_sent}${is_open ? " open" : ""}`];
}
