/** What questions looked like before a rule translated them, as conntrack says. */

import { addressBytes } from "../flow/address.ts";
import type { DnsGuess } from "../flow/dns-guesses.ts";
import type { SeenPacket } from "../flow/dns-packet-keys.ts";
import { ADDRESS_BYTES } from "../maps/ip-packet.ts";
import type { Translations } from "./translations.ts";

export type OriginalEnds = Pick<Translations, "of">;

const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;

/** Each with the packet as it was sent; null where nothing is translated, or it is not known any more. */
export function originalsOf(
	guesses: readonly DnsGuess[],
	ends: OriginalEnds,
): Map<DnsGuess, SeenPacket | null> {
	const found = new Map<DnsGuess, SeenPacket | null>();
	const byNetns = Map.groupBy(guesses, ({ netns }) => netns);
	for (const [netns, those] of byNetns) {
		const translations = ends.of(netns, those.map(answerTuple));
		for (const [index, guess] of those.entries()) {
			const translation = translations.get(index);
			found.set(guess, translation === undefined ? null : originalOf(guess.packet, translation));
		}
	}
	return found;
}

/** Of an answer: that is what conntrack has of a question after its translation. */
const answerTuple = ({ packet }: DnsGuess) => ({
	source: packet.addresses.slice(ADDRESS_BYTES),
	destination: packet.addresses.slice(0, ADDRESS_BYTES),
	sourcePort: packet.destinationPort,
	destinationPort: packet.sourcePort,
	protocol: packet.isTcp ? IPPROTO_TCP : IPPROTO_UDP,
});

function originalOf(
	packet: SeenPacket,
	translation: ReturnType<Translations["of"]> extends ReadonlyMap<number, infer One> ? One : never,
): SeenPacket | null {
	const source = addressBytes(translation.source_address);
	const destination = addressBytes(translation.destination_address);
	const { source_port: sourcePort, destination_port: destinationPort } = translation;
	if (source === null || destination === null) return null;
	if (sourcePort === null || destinationPort === null) return null;
	return {
		...packet,
		addresses: Uint8Array.of(...source, ...destination),
		sourcePort,
		destinationPort,
	};
}
