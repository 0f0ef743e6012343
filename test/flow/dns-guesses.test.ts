import { expect, test } from "bun:test";
import { DnsGuesses } from "../../src/flow/dns-guesses.ts";
import type { DnsMessage } from "../../src/flow/dns-message.ts";
import type { SeenPacket } from "../../src/flow/dns-packet-keys.ts";

const NETNS = 4026531840;
const MAPPED = [...Array(10).fill(0), 0xff, 0xff];
const CLIENT = [...MAPPED, 127, 0, 0, 1];
const SERVER = [...MAPPED, 127, 0, 0, 11];
const AT = { seconds: 1, ns: 0 };

const there: SeenPacket = {
	...{ addresses: Uint8Array.of(...CLIENT, ...SERVER), isTcp: false, isMulticast: false },
	...{ sourcePort: 40_000, destinationPort: 40_053, hopLimit: 64 },
	...{ isOutgoing: false, isLoopback: true },
};
const back: SeenPacket = {
	...there,
	...{ addresses: Uint8Array.of(...SERVER, ...CLIENT), sourcePort: 40_053 },
	destinationPort: 40_000,
};
const fromPort = { ...back, sourcePort: 53 };

function message(isAnswer: boolean, id = 7): DnsMessage {
	const body = { responseCode: "NOERROR", answers: [], answerCount: 0, isBroken: false };
	return {
		...{ id, isAnswer, opcode: 0, isTruncated: false },
		...{ questionName: "a.example", questionType: "A", body: () => body },
	};
}

test("a question is claimed by the answer that its client gets, once", () => {
	const guesses = new DnsGuesses();
	guesses.take(NETNS, there, message(false), AT);
	expect(guesses.claim(NETNS, fromPort, message(true, 8))).toBeNull();
	expect(guesses.claim(1, fromPort, message(true))).toBeNull();
	expect(guesses.claim(NETNS, fromPort, message(true))).toMatchObject({ packet: there, at: AT });
	expect(guesses.claim(NETNS, fromPort, message(true))).toBeNull();
});

test("one that nobody claims is to be asked for at the second look, one that is answered at the first", () => {
	const guesses = new DnsGuesses();
	guesses.take(NETNS, there, message(false), AT);
	expect(guesses.takeDue(10)).toEqual([]);
	guesses.take(NETNS, there, message(false, 8), AT);
	guesses.take(NETNS, back, message(true, 8), AT);
	expect(guesses.takeDue(10).map(({ head, answer }) => [head.id, answer !== null])).toEqual([
		[7, false],
		[8, true],
	]);
	expect(guesses.size).toBe(0);
});

test("the next look has those for which one has no time", () => {
	const guesses = new DnsGuesses();
	for (let id = 0; id < 5; id++) guesses.take(NETNS, there, message(false, id), AT);
	guesses.takeDue(2);
	const asked = [guesses.takeDue(2), guesses.takeDue(2), guesses.takeDue(2)];
	expect(asked.map((due) => due.map(({ head }) => head.id))).toEqual([[0, 1], [2, 3], [4]]);
});

test("where nothing is translated, no more is asked for a while", () => {
	const guesses = new DnsGuesses();
	guesses.take(NETNS, there, message(false), AT);
	guesses.takeDue(10);
	for (const guess of guesses.takeDue(10)) guesses.isDirect(guess);
	guesses.take(NETNS, there, message(false, 8), AT);
	expect(guesses.size).toBe(0);
	guesses.take(1, there, message(false, 8), AT);
	guesses.take(NETNS, { ...there, destinationPort: 5353 }, message(false, 9), AT);
	expect(guesses.size).toBe(2);
});

test("the oldest make room for new ones, and are counted", () => {
	const guesses = new DnsGuesses();
	for (let id = 0; id < 3000; id++) guesses.take(NETNS, there, message(false, id), AT);
	expect(guesses.size + guesses.takeDropped()).toBe(3000);
	expect(guesses.size).toBeLessThanOrEqual(1024);
	expect(guesses.claim(NETNS, fromPort, message(true, 2999))).not.toBeNull();
});

test("an answer without a question is not kept, nor one of another server's", () => {
	const guesses = new DnsGuesses();
	guesses.take(NETNS, back, message(true), AT);
	expect(guesses.size).toBe(0);
	guesses.take(NETNS, there, message(false), AT);
	guesses.take(NETNS, { ...back, sourcePort: 5353 }, message(true), AT);
	guesses.takeDue(10);
	expect(guesses.takeDue(10)).toMatchObject([{ answer: null }]);
});
