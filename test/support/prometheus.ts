/** A Prometheus that scrapes one target, from Debian's package. */

import { writeFileSync } from "node:fs";
import type { Subprocess } from "bun";
import { Lines } from "./lines.ts";
import type { Scratch } from "./service.ts";

interface Found {
	readonly data: {
		readonly result: readonly {
			readonly metric: Readonly<Record<string, string>>;
			readonly value: readonly [number, string];
		}[];
	};
}

export class Prometheus implements AsyncDisposable {
	readonly #child: Subprocess<"ignore", "ignore", "pipe">;
	readonly #lines: Lines;
	readonly #origin: string;

	private constructor(scratch: Scratch, config: string, port: number) {
		const options = [`--config.file=${config}`, `--storage.tsdb.path=${scratch.in("tsdb")}`];
		const address = `127.0.0.1:${port}`;
		const command = ["prometheus", ...options, `--web.listen-address=${address}`];
		this.#child = Bun.spawn(command, { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
		this.#lines = new Lines("prometheus", this.#child.stderr);
		this.#origin = `http://${address}`;
	}

	/** Comes back when it scrapes, which it does once a second. */
	static async start(scratch: Scratch, target: string, tokenFile: string): Promise<Prometheus> {
		const config = scratch.in("prometheus.yml");
		const authorization = { credentials_file: tokenFile };
		const job = { job_name: "conntracer", authorization, static_configs: [{ targets: [target] }] };
		const global = { scrape_interval: "1s", scrape_timeout: "1s" };
		// JSON is YAML.
		writeFileSync(config, JSON.stringify({ global, scrape_configs: [job] }));
		const prometheus = new Prometheus(scratch, config, freePort());
		try {
			const ready = "Server is ready";
			const isReady = (line: string): boolean => line.includes(ready);
			await prometheus.#lines.wait(ready, () => prometheus.#lines.all.find(isReady));
			return prometheus;
		} catch (error) {
			await prometheus[Symbol.asyncDispose]();
			throw error;
		}
	}

	/** By the values of a label. */
	async by(label: string, expression: string): Promise<Record<string, number>> {
		const query = encodeURIComponent(`sum by (${label}) (${expression})`);
		const response = await fetch(`${this.#origin}/api/v1/query?query=${query}`);
		const { data } = (await response.json()) as Found;
		return Object.fromEntries(
			data.result.map(({ metric, value }) => [metric[label] ?? "", Number(value[1])]),
		);
	}

	/** How often it has asked its target. */
	async scrapes(): Promise<number> {
		return (await this.by("job", "count_over_time(up[1h])"))["conntracer"] ?? 0;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.#child.kill("SIGKILL");
		await this.#child.exited;
	}
}

/** For the moment: nobody else on this machine asks for one. */
function freePort(): number {
	const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
	const { port } = server;
	server.stop(true);
	return port;
}
