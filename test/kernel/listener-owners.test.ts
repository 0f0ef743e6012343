/** Listening sockets whose process changes after listen(). */

import { describe, expect } from "bun:test";
import { cProgram } from "../support/c-program.ts";
import { Conntracer, eventsOf, flowsOf } from "../support/conntracer.ts";
import { isAt, named } from "../support/events.ts";
import { acceptedBy } from "../support/hooks.ts";
import { Puppet } from "../support/puppet.ts";
import { kernelTest } from "../support/root.ts";
import { until } from "../support/until.ts";

const RUN = process.pid.toString(36);

class Watched implements AsyncDisposable {
	readonly events: Conntracer;
	readonly watch: Conntracer;

	private constructor(events: Conntracer, watch: Conntracer) {
		this.events = events;
		this.watch = watch;
	}

	static async start(): Promise<Watched> {
		const [events, watch] = await Promise.all([
			Conntracer.run("events"),
			Conntracer.startTcp("-i", "100ms"),
		]);
		return new Watched(events, watch);
	}

	/** Whose the accepted connection is: in `accept`, and in the flow. */
	async owners(port: number) {
		const accepted = () => named(eventsOf(this.events.records, isAt(port)), "accept")[0];
		const flow = () =>
			flowsOf(
				this.watch.records,
				({ direction, listen_port }) => direction === "passive" && listen_port === port,
			).at(-1);
		await this.events.until("the accept", () => accepted() !== undefined);
		await this.watch.until("the flow", () => flow() !== undefined);
		const [{ pid, process, attribution } = {}, row] = [accepted(), flow()];
		return {
			accept: { pid, process, attribution },
			flow: { pid: row?.last_pid, process: row?.process },
		};
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.events.stop();
		await this.watch.stop();
	}
}

describe("a connection is of the process that listens,", () => {
	kernelTest("by the name that it has given itself since", async () => {
		const name = `renamed-${RUN}`;
		await using watched = await Watched.start();
		await using server = Puppet.start();
		await using client = Puppet.start();
		const [listener, port] = await server.listen();
		await server.call("rename", name);
		await client.connect(port);
		const pid = await server.pid();
		await server.do("accept", listener);
		const { accept, flow } = await watched.owners(port);
		expect(accept).toMatchObject({ pid, process: name });
		expect(flow).toEqual({ pid, process: name });
	});

	kernelTest("a child, where the one that called listen() has ended", async () => {
		const name = `heir-${RUN}`;
		await using watched = await Watched.start();
		await using client = Puppet.start();
		const server = Bun.spawn([cProgram("inherited"), name], { stdout: "pipe" });
		const { value } = await server.stdout.getReader().read();
		const [pid = 0, port = 0] = new TextDecoder().decode(value).split(" ").map(Number);
		await server.exited;
		using _child = { [Symbol.dispose]: () => void process.kill(pid, "SIGKILL") };
		// A look that finds the child comes soon, and not at once.
		await until("the child to be known", async () => {
			const [fd] = await client.connect(port);
			await client.call("recv_all", fd, 5);
			const { flow } = await watched.owners(port);
			await client.call("close", fd);
			return flow.pid === pid;
		});
		const { accept, flow } = await watched.owners(port);
		expect(flow).toEqual({ pid, process: name });
		expect(accept).toEqual({ pid, process: name, attribution: acceptedBy() });
	});
});
