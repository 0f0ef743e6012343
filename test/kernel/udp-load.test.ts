import { describe, expect } from "bun:test";
import { addUp } from "../support/conntracer.ts";
import { serve } from "../support/datagrams.ts";
import { udpTest } from "../support/root.ts";
import { expectBothSides, lostOf, play } from "../support/udp.ts";

const THREADS = 4;
const EACH = 50_000;
const BYTES = 64;

describe("200000 datagrams as fast as four threads can", () => {
	const cases: [name: string, sockets: "own" | "shared", how: "send" | "sendto"][] = [
		["on connected sockets of their own", "own", "send"],
		["on sockets of their own that are not connected", "own", "sendto"],
		["on one connected socket", "shared", "send"],
		["on one socket that is not connected", "shared", "sendto"],
	];
	for (const [name, sockets, how] of cases)
		udpTest(`${name}: each is counted, or lost`, async () => {
			const played = await play([], async (server, client) => {
				const port = await serve(server, "127.0.0.1");
				await server.do("set 0 receive-buffer 30000000");
				for (let index = 0; index < (sockets === "own" ? THREADS : 1); index++) {
					await client.do("open inet");
					if (how === "send") await client.do(`connect ${index} 127.0.0.1 ${port}`);
				}
				const draining = server.do("parallel 2 shared drain 0 2000 recvfrom");
				const to = how === "send" ? "" : `127.0.0.1 ${port}`;
				await client.do(`parallel ${THREADS} ${sockets} send 0 ${EACH} ${BYTES} ${how} ${to}`);
				await Promise.all([server.truth(), draining]);
			});
			const missed = lostOf(played.run.records, "program");
			expect(addUp(played.clients).bytes_sent).toBe((THREADS * EACH - missed) * BYTES);
			if (missed > 0) expect(played.run.records[0]).toMatchObject({ hooks: { udp: "kprobe" } });
			else expectBothSides(played, sockets === "own" ? THREADS : 1);
			expect(played.server.datagrams_received).toBeGreaterThan(0);
		});
});
