/**
 * Who accepted a connection, where several programs share a listening socket. An `accept` comes with
 * the one that called listen(). Its close, if it comes in the same batch, or a look at open files
 * tells who has it. Looks are few: none while each listener has one holder, and 2 % of the time at most.
 */

import type { EventRecord } from "./records.ts";

export type OwnerFields = Pick<
	EventRecord,
	| "pid"
	| "tid"
	| "process"
	| "executable"
	| "command_line"
	| "uid"
	| "cgroup_id"
	| "container_id"
	| "attribution"
>;

type EventId = number | string;

/** What is asked of events here: by their index, as there can be very many. */
export interface EventFields {
	readonly count: number;
	/** An `accept` of which only the listener is known. */
	isAcceptOfListener(at: number): boolean;
	/** A `close` by a process that was found holding the connection. */
	isCloseByHolder(at: number): boolean;
	id(at: number): EventId;
	netns(at: number): number;
	localPort(at: number): number;
	/** 0 where it is not known. */
	pid(at: number): number;
}

/** Index of an `accept` → whose it is: of the event with this index, or as these fields say. */
export type Refinements = ReadonlyMap<number, number | OwnerFields>;

const NOTHING: Refinements = new Map();

/** A file of a socket that listens, and whose it is. */
export interface ListenerHolder {
	readonly netns: number;
	readonly port: number;
	/** Who called listen(). */
	readonly listenerPid: number;
	readonly pid: number;
}

export interface Holders {
	readonly listeners: readonly ListenerHolder[];
	/** By id: of each connection that one process holds. */
	readonly connections: ReadonlyMap<string, OwnerFields>;
}

export interface AcceptorsOptions {
	/** Looks at the files of these processes; null: of all. */
	readonly look: (pids: readonly number[] | null) => Holders;
	/** Milliseconds of a clock that never goes back. */
	readonly now: () => number;
}

/** A look that took a millisecond is followed by none for 50. */
const PAUSE_FACTOR = 50;
/** How long what was found is believed: longer each time that one process still has it alone. */
const FIRST_LIFETIME_MS = 1000;
const LAST_LIFETIME_MS = 8000;
/** Where more processes share a socket, one look at all files is made. */
const MOST_PIDS = 16;

const PORTS = 65_536;

class Listener {
	/** Who called listen(). */
	readonly pid: number;
	readonly holders: Set<number>;
	#lifetime: number;
	until: number;

	constructor(pid: number, holder: number, now: number, before: Listener | undefined) {
		this.pid = pid;
		this.holders = new Set([holder]);
		const doubled = before === undefined || before.isShared ? 0 : 2 * before.#lifetime;
		this.#lifetime = Math.max(FIRST_LIFETIME_MS, Math.min(doubled, LAST_LIFETIME_MS));
		this.until = now + this.#lifetime;
	}

	get isShared(): boolean {
		return this.holders.size > 1 || !this.holders.has(this.pid);
	}

	add(holder: number, now: number): void {
		this.holders.add(holder);
		if (!this.isShared) return;
		this.#lifetime = FIRST_LIFETIME_MS;
		this.until = now + this.#lifetime;
	}
}

export class Acceptors {
	readonly #look: AcceptorsOptions["look"];
	readonly #now: () => number;
	/** By network namespace and port. */
	#listeners = new Map<number, Listener[]>();
	#nextLook = 0;

	constructor({ look, now }: AcceptorsOptions) {
		this.#look = look;
		this.#now = now;
	}

	/** Of which `accept` more is known now. Every index stands for one of `events`. */
	refine(events: EventFields): Refinements {
		const now = this.#now();
		const unsure = this.#unsure(events, now);
		if (unsure.size === 0) return NOTHING;
		const closers = closersOf(events, unsure);
		let found: Holders["connections"] | null = null;
		if (now >= this.#nextLook) {
			const pids = this.#whomToLookAt(events, unsure, closers, now);
			if (pids === null || pids.length > 0) found = this.#lookAt(pids, now);
		}
		const refined = new Map<number, number | OwnerFields>();
		for (const [id, at] of unsure) {
			const closer = closers.get(id);
			if (closer !== undefined) {
				if (this.#canHaveAccepted(events, at, events.pid(closer))) refined.set(at, closer);
				continue;
			}
			const owner = found?.get(String(id));
			if (owner !== undefined && this.#canHaveAccepted(events, at, owner.pid ?? 0))
				refined.set(at, owner);
		}
		return refined;
	}

	/** Index of each `accept` that is not surely of the process it names, by id. */
	#unsure(events: EventFields, now: number): Map<EventId, number> {
		const unsure = new Map<EventId, number>();
		for (let at = 0; at < events.count; at++) {
			if (!events.isAcceptOfListener(at)) continue;
			const listener = this.#listenerOf(events, at);
			if (listener === null || now >= listener.until || listener.isShared)
				unsure.set(events.id(at), at);
		}
		return unsure;
	}

	/** All (null) where a listener is not known, or not any more; those that share one; or nobody. */
	#whomToLookAt(
		events: EventFields,
		unsure: ReadonlyMap<EventId, number>,
		closers: ReadonlyMap<EventId, number>,
		now: number,
	): readonly number[] | null {
		const pids = new Set<number>();
		for (const [id, at] of unsure) {
			const listener = this.#listenerOf(events, at);
			if (listener === null || now >= listener.until) return null;
			if (!closers.has(id)) for (const pid of listener.holders) pids.add(pid);
		}
		return pids.size > MOST_PIDS ? null : [...pids];
	}

	#lookAt(pids: readonly number[] | null, begin: number): Holders["connections"] {
		const { listeners, connections } = this.#look(pids);
		const end = this.#now();
		this.#nextLook = end + (end - begin) * PAUSE_FACTOR;
		if (pids === null) this.#learn(listeners, end);
		return connections;
	}

	#learn(found: readonly ListenerHolder[], now: number): void {
		const learnt = new Map<number, Listener[]>();
		for (const { netns, port, listenerPid, pid } of found) {
			const key = netns * PORTS + port;
			const there = learnt.get(key) ?? [];
			learnt.set(key, there);
			const known = there.find((listener) => listener.pid === listenerPid);
			if (known === undefined) {
				const before = this.#listeners.get(key)?.find((listener) => listener.pid === listenerPid);
				there.push(new Listener(listenerPid, pid, now, before));
			} else known.add(pid, now);
		}
		this.#listeners = learnt;
	}

	#listenerOf(events: EventFields, at: number): Listener | null {
		const there = this.#listeners.get(events.netns(at) * PORTS + events.localPort(at));
		if (there === undefined) return null;
		const pid = events.pid(at);
		for (const listener of there) if (listener.pid === pid) return listener;
		return null;
	}

	/** Only one that has the listening socket, too; another was handed the connection. */
	#canHaveAccepted(events: EventFields, at: number, pid: number): boolean {
		if (pid === 0 || pid === events.pid(at)) return false;
		return this.#listenerOf(events, at)?.holders.has(pid) === true;
	}
}

/** The `close` of those that have one in the same batch: whoever closes holds. */
function closersOf(
	events: EventFields,
	unsure: ReadonlyMap<EventId, number>,
): Map<EventId, number> {
	const closers = new Map<EventId, number>();
	for (let at = 0; at < events.count; at++) {
		if (!events.isCloseByHolder(at)) continue;
		const id = events.id(at);
		if (unsure.has(id)) closers.set(id, at);
	}
	return closers;
}

/** Replaces those records of which more is known. */
export function applyRefinements(events: EventRecord[], refined: Refinements): void {
	for (const [at, better] of refined) {
		const event = events[at];
		const owner = typeof better === "number" ? events[better] : better;
		if (event !== undefined && owner !== undefined) events[at] = withOwner(event, owner);
	}
}

function withOwner(event: EventRecord, owner: OwnerFields): EventRecord {
	return {
		...event,
		pid: owner.pid,
		tid: owner.tid,
		process: owner.process,
		executable: owner.executable,
		command_line: owner.command_line,
		uid: owner.uid,
		cgroup_id: owner.cgroup_id,
		container_id: owner.container_id,
		attribution: owner.attribution,
	};
}
