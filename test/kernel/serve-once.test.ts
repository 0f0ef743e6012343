import { describe, expect } from "bun:test";
import { connect } from "node:net";
import type { ClientConnections, ClientFlows } from "../../src/trace/client-records.ts";
import { manyOf } from "../support/load.ts";
import { kernelTest } from "../support/root.ts";
import { Scratch, Service } from "../support/service.ts";
import { ownPrograms, runTraffic, type Totals, totals } from "../support/traffic.ts";

const { client: CLIENT, names: NAMES } = ownPrograms("once");
/** More than a socket takes for one that does not read. */
const COUNT = manyOf(2000);

async function traffic(): Promise<Totals> {
	const bytes = ["--request", "777", "--response", "1234"];
	const { clients } = await runTraffic(["churn", "--count", `${COUNT}`, ...bytes, ...NAMES]);
	return totals(clients);
}

/** Reads the first bytes of an answer, and goes. */
function breakOff(socket: string, path: string): Promise<number> {
	return new Promise((resolve, reject) => {
		const stream = connect(socket);
		stream.on("error", reject);
		stream.on("connect", () => stream.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`));
		stream.once("data", (bytes) => {
			stream.destroy();
			resolve(bytes.length);
		});
	});
}

interface Heard {
	opened: number;
	sent: number;
	received: number;
}

const nothing = (): Heard => ({ opened: 0, sent: 0, received: 0 });
const truthOf = ({ opened, bytes_sent: sent, bytes_received: received }: Totals): Heard => ({
	...{ opened, sent, received },
});

/** What an answer says of our clients, which are over. */
const heardOf = {
	async "/connections"(response: Response): Promise<Heard & { cursor: string }> {
		const { connections, cursor, lost } = (await response.json()) as ClientConnections;
		expect(lost).toEqual({ closed: 0, open: 0 });
		const sum = nothing();
		for (const { process, since_last } of connections) {
			if (process !== CLIENT) continue;
			sum.opened += since_last.connections_opened;
			sum.sent += since_last.bytes_sent ?? 0;
			sum.received += since_last.bytes_received ?? 0;
		}
		return { ...sum, cursor };
	},
	async "/flows"(response: Response): Promise<Heard & { cursor: string }> {
		const { flows, cursor } = (await response.json()) as ClientFlows;
		const sum = nothing();
		for (const { process, connections_opened, bytes_sent, bytes_received } of flows) {
			if (process !== CLIENT) continue;
			sum.opened += connections_opened;
			sum.sent += bytes_sent ?? 0;
			sum.received += bytes_received ?? 0;
		}
		return { ...sum, cursor };
	},
} as const;

for (const path of ["/connections", "/flows"] as const)
	describe(path, () => {
		const own = (name: string): string => `${path}?client_id=${name}`;

		/** Asks until all is heard; each answer arrives. */
		async function rest(service: Service, name: string, truth: Totals): Promise<Heard> {
			const sum = nothing();
			for (let look = 0; look < 100 && sum.received < truth.bytes_received; look++) {
				const heard = await heardOf[path](await service.ask(own(name)));
				sum.opened += heard.opened;
				sum.sent += heard.sent;
				sum.received += heard.received;
			}
			return sum;
		}

		kernelTest("whoever asks with HEAD is told nothing, and misses nothing", async () => {
			using scratch = new Scratch();
			await using service = await Service.start(scratch.in("api.sock"));
			expect((await service.ask(own("new"), { method: "HEAD" })).status).toBe(200);
			expect(await (await service.ask("/stats")).json()).toMatchObject({ clients: 0 });
			await service.ask(own("one"));
			const truth = await traffic();
			for (const _ of [1, 2])
				expect(await (await service.ask(own("one"), { method: "HEAD" })).text()).toBe("");
			expect(await rest(service, "one", truth)).toEqual(truthOf(truth));
		});

		kernelTest("a question with the same cursor has the same answer", async () => {
			using scratch = new Scratch();
			await using service = await Service.start(scratch.in("api.sock"));
			const before = await heardOf[path](await service.ask(own("one")));
			const truth = await traffic();
			const again = `${own("one")}&cursor=${before.cursor}`;
			const answers = [];
			for (let look = 0; look < 100; look++) {
				const answer = await heardOf[path](await service.ask(again));
				answers.push(answer);
				if (answer.received >= truth.bytes_received && answers.length > 2) break;
			}
			const last = answers.at(-1);
			expect(last).toMatchObject(truthOf(truth));
			const next = await service.ask(`${own("one")}&cursor=${last?.cursor}`);
			expect(await heardOf[path](next)).toMatchObject(nothing());
		});
	});

kernelTest("a client that breaks off in the middle of an answer is told it again", async () => {
	using scratch = new Scratch();
	await using service = await Service.start(scratch.in("api.sock"));
	const path = "/connections?client_id=one";
	await service.ask(path);
	const truth = await traffic();
	for (const _ of [1, 2, 3]) expect(await breakOff(service.socket, path)).toBeGreaterThan(0);
	const sum = nothing();
	for (let look = 0; look < 100 && sum.received < truth.bytes_received; look++) {
		const heard = await heardOf["/connections"](await service.ask(path));
		sum.opened += heard.opened;
		sum.sent += heard.sent;
		sum.received += heard.received;
	}
	expect(sum).toEqual(truthOf(truth));
	expect(await heardOf["/connections"](await service.ask(path))).toMatchObject(nothing());
});
