import { describe, expect } from "bun:test";
import type { DnsRecord } from "../../src/flow/dns-records.ts";
import { expectNothingLost, type Family } from "../support/accounted.ts";
import { framed, query } from "../support/dns.ts";
import { DnsScene } from "../support/dns-scene.ts";
import { kernelTest } from "../support/root.ts";

const FAMILIES: readonly Family[] = ["ipv4", "ipv6"];
/** More than a packet holds. */
const LARGE = Array.from({ length: 12 }, (_, index) => String(index).padStart(250, "x"));
const LARGE_ZONE = [
	...LARGE.map((text) => `--txt-record=large.test,${text}`),
	...["--edns-packet-max=4096", "--local=/test/"],
];

describe("an answer that is larger than a packet", () => {
	const texts = ({ answers }: DnsRecord): string[] => answers.map(({ data }) => data).sort();
	const all = LARGE.map((text) => `"${text}"`).sort();

	kernelTest("is truncated, and whole over TCP", async () => {
		await using scene = new DnsScene();
		await scene.serve(LARGE_ZONE);
		await scene.start();
		const { asker, pair } = scene;
		await asker.ask("udp", pair.right.ipv4, [query(1, "large.test", "TXT")]);
		await asker.ask("tcp", pair.right.ipv4, [framed(query(2, "large.test", "TXT"))]);
		const run = await scene.end(2);
		const [short, whole] = run.questions;
		expect(short).toMatchObject({ id: 1, truncated: true });
		expect(whole).toMatchObject({ id: 2, truncated: false, answer_count: LARGE.length });
		expect(whole && texts(whole)).toEqual(all);
		expectNothingLost(run);
	});

	for (const family of FAMILIES)
		kernelTest(`has what is in its first fragment, over ${family}`, async () => {
			await using scene = new DnsScene();
			await scene.serve(LARGE_ZONE);
			await scene.start();
			const { asker, pair } = scene;
			await asker.ask("udp", pair.right[family], [query(1, "large.test", "TXT", 4096)]);
			const run = await scene.end(1);
			const [record] = run.questions;
			expect(record).toMatchObject({
				...{ response_code: "NOERROR", truncated: false, answer_count: LARGE.length },
			});
			const found = record === undefined ? [] : texts(record);
			expect(found.length).toBeGreaterThan(0);
			expect(found.length).toBeLessThan(LARGE.length);
			for (const text of found) expect(all).toContain(text);
			expectNothingLost(run);
		});
});
