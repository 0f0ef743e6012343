import { expect, test } from "bun:test";
import { EventTranslations, type NatSource } from "../../src/flow/event-translations.ts";
import type { Translation } from "../../src/flow/records.ts";
import type { Tuple } from "../../src/maps/ct-flow.ts";
import { EVENT_TYPE } from "../../src/maps/enums.ts";
import { event } from "../../src/maps/structs.ts";

const TRANSLATION: Translation = {
	...{ source_address: "10.0.0.1", source_port: 1 },
	...{ destination_address: "10.0.0.2", destination_port: 2 },
};
const [QUIET, BUSY] = [5, 6];

class Source implements NatSource {
	readonly asked: { netns: number; ports: number[] }[] = [];

	isActive(netns: number): boolean {
		return netns === BUSY;
	}

	/** Connections from even ports are translated. */
	of(netns: number, tuples: readonly Tuple[]): ReadonlyMap<number, Translation> {
		const ports = tuples.map(({ sourcePort }) => sourcePort ?? -1);
		this.asked.push({ netns, ports });
		const even = [...ports.entries()].filter(([, port]) => port % 2 === 0);
		return new Map(even.map(([index]) => [index, TRANSLATION]));
	}
}

interface Told {
	readonly id: number;
	readonly port: number;
	readonly netns?: number;
	readonly type?: number;
}

function indexes(translations: EventTranslations, events: readonly Told[]): number[] {
	const view = new DataView(new ArrayBuffer(events.length * event.size));
	const offsets = new Int32Array(events.length);
	for (const [
		index,
		{ id, port, netns = BUSY, type = EVENT_TYPE.EVENT_CLOSE },
	] of events.entries()) {
		const at = index * event.size;
		offsets[index] = at;
		view.setBigUint64(at + event.offsets.id, BigInt(id), true);
		view.setUint16(at + event.offsets.local_port, port, true);
		view.setUint32(at + event.offsets.netns, netns, true);
		view.setUint8(at + event.offsets.type, type);
	}
	return [...translations.of(view, offsets, events.length).keys()];
}

test("each connection is asked for once, those of a namespace together", () => {
	const source = new Source();
	const translations = new EventTranslations(source);
	const both = [
		{ id: 1, port: 40 },
		{ id: 2, port: 41 },
	];
	expect(indexes(translations, both)).toEqual([0]);
	expect(source.asked).toEqual([{ netns: BUSY, ports: [40, 41] }]);
	expect(indexes(translations, [...both, { id: 3, port: 42 }])).toEqual([0, 2]);
	expect(source.asked.slice(1)).toEqual([{ netns: BUSY, ports: [42] }]);
});

test("nothing is asked of a namespace that has no flows, nor of sockets that listen", () => {
	const source = new Source();
	const events = [
		{ id: 1, port: 40, netns: QUIET },
		{ id: 2, port: 42, type: EVENT_TYPE.EVENT_LISTEN },
		{ id: 3, port: 44, type: EVENT_TYPE.EVENT_UNLISTEN },
	];
	expect(indexes(new EventTranslations(source), events)).toEqual([]);
	expect(source.asked).toEqual([]);
});

test("answers are kept for so many connections", () => {
	const source = new Source();
	const translations = new EventTranslations(source);
	const many = Array.from({ length: 70_000 }, (_, id) => ({ id: id + 1, port: 40 }));
	expect(indexes(translations, many).length).toBe(70_000);
	indexes(translations, [
		{ id: 1, port: 40 },
		{ id: 70_000, port: 40 },
	]);
	expect(source.asked.slice(1)).toEqual([{ netns: BUSY, ports: [40] }]);
});
