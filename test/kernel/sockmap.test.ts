import { describe, expect } from "bun:test";
import { cProgram } from "../support/c-program.ts";
import { Conntracer, eventsOf, flowsOf } from "../support/conntracer.ts";
import { Lines } from "../support/lines.ts";
import { listed } from "../support/listing.ts";
import { kernelTest } from "../support/root.ts";

/** A connection to itself that has moved 100,000 bytes past TCP, and is open. */
class Redirected implements AsyncDisposable {
	readonly #child = Bun.spawn([cProgram("sockmap"), "50", "2000"], {
		stdin: "pipe",
		stdout: "pipe",
	});
	readonly #lines = new Lines("sockmap", this.#child.stdout);

	async ports(): Promise<{ own: number; port: number }> {
		const line = await this.#lines.wait("ports", () => this.#lines.all[0]);
		const [own = 0, port = 0] = line.split(" ").map(Number);
		return { own, port };
	}

	close(): void {
		this.#child.stdin.write("\n");
		this.#child.stdin.flush();
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.#child.kill("SIGKILL");
		await this.#child.exited;
	}
}

const UNKNOWN = { bytes_sent: null, bytes_received: null };

describe("bytes of a connection in a sockmap are not known, and not 0", () => {
	kernelTest("in list", async () => {
		await using redirected = new Redirected();
		const { port } = await redirected.ports();
		expect(listed("--port", port)).toMatchObject([UNKNOWN, UNKNOWN]);
	});

	kernelTest("in flows, and where processes are added up", async () => {
		await using watch = await Conntracer.startTcp("--aggregate", "connection");
		await using redirected = new Redirected();
		const { own, port } = await redirected.ports();
		const ours = () =>
			flowsOf(
				watch.records,
				(flow) =>
					[own, port].includes(flow.local_port ?? 0) &&
					flow.remote_address !== null &&
					[own, port].includes(flow.remote_port ?? 0),
			);
		await watch.until(
			"unknown bytes",
			() => ours().filter(({ bytes_sent }) => bytes_sent === null).length >= 2,
		);
		expect(ours().at(-1)).toMatchObject(UNKNOWN);
		redirected.close();
		await watch.until(
			"the ends",
			() => ours().filter((flow) => flow.connections_closed === 1).length === 2,
		);
		for (const flow of ours().filter((one) => one.connections_closed === 1))
			expect(flow).toMatchObject(UNKNOWN);
	});

	kernelTest("in events, where it was open for two seconds", async () => {
		await using run = await Conntracer.run("events");
		await using redirected = new Redirected();
		const { port } = await redirected.ports();
		// Its looks at what is open are a second apart.
		await Bun.sleep(2000);
		redirected.close();
		const ends = () =>
			eventsOf(
				run.records,
				(event) => event.event === "close" && [event.local_port, event.remote_port].includes(port),
			);
		await run.until("two ends", () => ends().length === 2);
		expect(ends()).toMatchObject([UNKNOWN, UNKNOWN]);
	});
});
