/**
 * Questions to conntrack about single connections, whatever zone they are in. A
 * question is about one zone, and a socket does not know its own: those in which something is
 * translated are known from a dump.
 */

import type { CtFlow, Tuple } from "../maps/ct-flow.ts";
import type { ConntrackTable } from "./conntrack-table.ts";

/** Namespaces, and zones of each, that are kept in mind: those that were of use last. */
const MOST_NAMESPACES = 256;
const MOST_ZONES = 64;
/** A dump that took a millisecond is followed by none for 50: 2 % of the time. */
const PAUSE_FACTOR = 50;
const NO_ZONE = 0;

interface Zones {
	/** The one that was of use last comes last. */
	readonly ids: Set<number>;
	nextDump: number;
}

type OnTranslated = (index: number, flow: CtFlow) => void;

export class ConntrackZones {
	/** By the number of the network namespace; the oldest comes first. */
	readonly #known = new Map<number, Zones>();
	readonly #now: () => number;

	/** @param now milliseconds of a clock that never goes back */
	constructor(now: () => number = () => performance.now()) {
		this.#now = now;
	}

	/**
	 * Gives each flow that has one of these tuples, in one direction or the other, and is translated.
	 *
	 * @throws PermissionError, UnsupportedError, LibbpfError
	 */
	find(
		netns: number,
		conntrack: ConntrackTable,
		tuples: readonly Tuple[],
		onTranslated: OnTranslated,
	): void {
		const search = new Search(conntrack, tuples, onTranslated);
		search.in(NO_ZONE);
		const zones = this.#zonesOf(netns);
		// Who is followed at all is in another zone then.
		if (search.unfound > 0) this.#look(zones, conntrack);
		for (const zone of [...zones.ids].reverse()) {
			if (search.isOver) return;
			if (search.in(zone) > 0) remember(zones.ids, zone);
		}
	}

	#look(zones: Zones, conntrack: ConntrackTable): void {
		const begin = this.#now();
		if (begin < zones.nextDump) return;
		conntrack.dumpTranslated(({ zone }) => {
			if (zone !== NO_ZONE) remember(zones.ids, zone);
		});
		const end = this.#now();
		zones.nextDump = end + (end - begin) * PAUSE_FACTOR;
	}

	#zonesOf(netns: number): Zones {
		const zones = this.#known.get(netns) ?? { ids: new Set<number>(), nextDump: 0 };
		this.#known.delete(netns);
		this.#known.set(netns, zones);
		if (this.#known.size > MOST_NAMESPACES) dropFirst(this.#known);
		return zones;
	}
}

/** What is left of a question, zone after zone. */
class Search {
	readonly #conntrack: ConntrackTable;
	readonly #tuples: readonly Tuple[];
	readonly #onTranslated: OnTranslated;
	/** Indices of tuples. */
	#left: readonly number[];
	/** Of no zone so far. */
	unfound: number;

	constructor(conntrack: ConntrackTable, tuples: readonly Tuple[], onTranslated: OnTranslated) {
		this.#conntrack = conntrack;
		this.#tuples = tuples;
		this.#onTranslated = onTranslated;
		this.#left = [...tuples.keys()];
		this.unfound = tuples.length;
	}

	get isOver(): boolean {
		return this.#left.length === 0;
	}

	/** @returns how many are translated there */
	in(zone: number): number {
		const asked = this.#left;
		const translated = new Set<number>();
		const tuples = asked.flatMap((index) => this.#tuples[index] ?? []);
		this.#conntrack.find(zone, tuples, (position, message) => {
			const index = asked[position];
			this.unfound--;
			if (index === undefined || !message.isTranslated) return;
			translated.add(index);
			this.#onTranslated(index, message);
		});
		this.#left = asked.filter((index) => !translated.has(index));
		return translated.size;
	}
}

function remember(ids: Set<number>, zone: number): void {
	ids.delete(zone);
	ids.add(zone);
	if (ids.size > MOST_ZONES) dropFirst(ids);
}

function dropFirst<T>(all: { keys(): Iterable<T>; delete(key: T): boolean }): void {
	for (const first of all.keys()) {
		all.delete(first);
		return;
	}
}
