import { expect } from "bun:test";
import { cProgram } from "../support/c-program.ts";
import { Conntracer, eventsOf } from "../support/conntracer.ts";
import { kernelTest } from "../support/root.ts";

kernelTest(
	"a connection that TCP_REPAIR restores has all bytes that it sends from then on",
	async () => {
		await using run = await Conntracer.run("events");
		const restored = Bun.spawnSync([cProgram("restored"), "300"]);
		expect(restored.stderr.toString()).toBe("");
		const port = Number(restored.stdout.toString());
		const ends = () => eventsOf(run.records, (e) => e.event === "close" && e.local_port === port);
		await run.until("the ends of both", () => ends().length === 2);
		expect(ends().map(({ bytes_sent }) => bytes_sent)).toEqual([0, 300]);
	},
);
