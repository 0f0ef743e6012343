/** What stands in many events, as bytes of JSON that are made once: addresses, and whose they are. */

import type { OwnerFields } from "../flow/acceptors.ts";
import type { EventNames } from "../flow/event-decoder.ts";
import { attributionName } from "../flow/kernel-names.ts";
import { RecordTexts } from "../flow/record-texts.ts";
import { ATTRIBUTION } from "../maps/enums.ts";
import { event } from "../maps/structs.ts";
import { type Segment, segment } from "./byte-writer.ts";
import { safeJson } from "./text.ts";

const at = event.offsets;
/** When so many are remembered, all are forgotten. */
const CAPACITY = 4096;
/** As long as what is known of a process, or of its cgroup, is believed. */
const LIFETIME_MS = 1000;
/** Where the fields of an event lie that say whose it is; each a word. */
const OWNER_WORDS = [
	...[at.pid, at.tid, at.uid, at.netns, at.image, at.cgroup_id, at.cgroup_id + 4],
	at.cgroup_v1,
	...[at.comm, at.comm + 4, at.comm + 8, at.comm + 12],
];

interface Known {
	readonly words: Uint32Array;
	readonly text: Segment;
	readonly until: number;
}

const json = (value: unknown): string => safeJson(JSON.stringify(value));

/** Words of an event → text. */
class Memo {
	readonly #offsets: readonly number[];
	readonly #make: (view: DataView, offset: number) => string;
	readonly #known = new Map<number, Known>();

	/** @param offsets of the words that the text depends on, and nothing else */
	constructor(offsets: readonly number[], make: (view: DataView, offset: number) => string) {
		this.#offsets = offsets;
		this.#make = make;
	}

	/** @param until when a new text is not true any more; `now` is the same clock's */
	text(view: DataView, offset: number, now: number, until: number): Segment {
		const offsets = this.#offsets;
		let hash = 0;
		for (let i = 0; i < offsets.length; i++)
			hash = (Math.imul(hash, 31) + view.getUint32(offset + (offsets[i] ?? 0), true)) | 0;
		const known = this.#known.get(hash);
		if (known !== undefined && now < known.until && this.#isOf(known.words, view, offset))
			return known.text;
		return this.#learn(hash, view, offset, until);
	}

	#isOf(words: Uint32Array, view: DataView, offset: number): boolean {
		const offsets = this.#offsets;
		for (let i = 0; i < offsets.length; i++)
			if (words[i] !== view.getUint32(offset + (offsets[i] ?? 0), true)) return false;
		return true;
	}

	#learn(hash: number, view: DataView, offset: number, until: number): Segment {
		if (this.#known.size >= CAPACITY) this.#known.clear();
		const words = Uint32Array.from(this.#offsets, (each) => view.getUint32(offset + each, true));
		const text = segment(this.#make(view, offset));
		this.#known.set(hash, { words, text, until });
		return text;
	}
}

const WORDS_OF_ADDRESS = [0, 4, 8, 12];
const ALWAYS = Number.POSITIVE_INFINITY;

export class EventJsonTexts {
	readonly noAddress = segment(',"remote_address":null');
	readonly #names: EventNames;
	readonly #texts = new RecordTexts();
	readonly #addresses = new Memo(WORDS_OF_ADDRESS, (view, offset) =>
		json(this.#texts.address(view, offset)),
	);
	readonly #remoteAddresses = new Memo(
		WORDS_OF_ADDRESS,
		(view, offset) => `,"remote_address":${json(this.#texts.address(view, offset))}`,
	);
	/** By how it is known. */
	readonly #owners: readonly Memo[];
	readonly #families = {
		ipv4: segment('","transport":"tcp","family":"ipv4"'),
		ipv6: segment('","transport":"tcp","family":"ipv6"'),
	};
	readonly #named = new Map<string, Segment>();
	#now = 0;

	constructor(names: EventNames) {
		this.#names = names;
		this.#owners = [0, 1, 2, 3].map(
			(attribution) =>
				new Memo(OWNER_WORDS, (view, offset) => this.#ownerJson(view, offset, attribution)),
		);
	}

	/** Before the events of a batch: looks at the clock. */
	begin(): void {
		this.#now = performance.now();
	}

	family(view: DataView, address: number): Segment {
		return this.#families[this.#texts.family(view, address)];
	}

	address(view: DataView, offset: number): Segment {
		return this.#addresses.text(view, offset, 0, ALWAYS);
	}

	remoteAddress(view: DataView, offset: number): Segment {
		return this.#remoteAddresses.text(view, offset, 0, ALWAYS);
	}

	/** From the latency to the CPU, where nothing is translated. */
	named(remoteName: string): Segment {
		const known = this.#named.get(remoteName);
		if (known !== undefined) return known;
		if (this.#named.size >= CAPACITY) this.#named.clear();
		const text = segment(`,"nat":null,"remote_name":${json(remoteName)},"cpu":`);
		this.#named.set(remoteName, text);
		return text;
	}

	/** From `pid` to `attribution`. */
	owner(view: DataView, offset: number): Segment {
		const memo = this.#owners[view.getUint8(offset + at.attribution)] ?? this.#owners[0];
		if (memo === undefined) throw new Error("no text for this attribution");
		return memo.text(view, offset, this.#now, this.#now + LIFETIME_MS);
	}

	/** The same of one that is known from elsewhere. */
	ownerOf(owner: OwnerFields, view: DataView, offset: number): Segment {
		return segment(ownerText(owner, view.getUint32(offset + at.netns, true)));
	}

	#ownerJson(view: DataView, offset: number, attribution: number): string {
		const word = (field: number): number => view.getUint32(offset + field, true);
		const pid = word(at.pid) === 0 ? null : word(at.pid);
		const process = this.#texts.process(view, offset + at.comm);
		const cgroup_id = this.#texts.cgroup(view, offset + at.cgroup_id);
		const image = word(at.image);
		const details = image === 0 ? null : this.#names.processOf(image);
		const owner = {
			pid,
			tid: word(at.tid) === 0 ? null : word(at.tid),
			process,
			executable: details?.executable ?? null,
			command_line: details?.commandLine ?? null,
			uid: attribution === ATTRIBUTION.ATTRIBUTION_NONE ? null : word(at.uid),
			cgroup_id,
			container_id:
				cgroup_id === null ? null : this.#names.containerOf(cgroup_id, word(at.cgroup_v1)),
			attribution: attributionName(attribution),
		};
		return ownerText(owner, word(at.netns));
	}
}

/** In the order of eventJson(). */
function ownerText(owner: OwnerFields, netns: number): string {
	const { pid, tid, process, executable, command_line, uid } = owner;
	const { cgroup_id, container_id, attribution } = owner;
	const fields = {
		...{ pid, tid, process, executable, command_line, uid },
		...{ netns, cgroup_id, container_id, attribution },
	};
	return `,${json(fields).slice(1, -1)}`;
}
