/** `conntracer serve`: the tracer as a service, with an API over HTTP. */

import { readFileSync, statSync } from "node:fs";
import { UsageError } from "../errors.ts";
import type { Loopback } from "../serve/listeners.ts";
import { readyText, summaryText } from "../sink/summary-text.ts";
import { safeText } from "../sink/text.ts";
import type { ClientTracerOptions } from "../trace/client-tracer.ts";
import { defineCommand } from "./command.ts";
import { eventTestOf } from "./event-query.ts";
import { containerLookup, filterOf } from "./from-options.ts";
import type { Values } from "./option.ts";
import { EXIT_DONE } from "./report-error.ts";
import { serveOptions } from "./serve-options.ts";

type ServeValues = Values<typeof serveOptions>;

const HELP = {
	name: "serve",
	describe: "HTTP API: what connections move, for several clients; events; Prometheus metrics",
	options: serveOptions,
	positional: null,
	examples: [
		{ line: "conntracer serve", describe: "at /run/conntracer/api.sock" },
		{ line: "conntracer serve --socket ./s", describe: "curl --unix-socket ./s http://c/stats" },
		{
			line: "conntracer serve --listen 8080 --token-file FILE",
			describe: "on loopback as well",
		},
	],
} as const;

/** At least: nobody guesses it. */
const TOKEN_LENGTH = 16;
const OF_OTHERS = 0o077;

export const serve = defineCommand({
	...HELP,
	// Whatever can be wrong with the options is found before the kernel is asked.
	async handler(values, { signal, stderr, version, giveUpRights }) {
		const loopback = loopbackOf(values);
		const options = optionsOf(values, version);
		// Other commands have no use for these.
		const { listen, requireFree } = await import("../serve/listeners.ts");
		const { ServedTracer } = await import("../serve/served.ts");
		const { ClientTracer } = await import("../trace/client-tracer.ts");
		const { examine } = await import("../trace/doctor.ts");
		await requireFree(values.socket);
		using tracer = ClientTracer.open(options);
		const eventTest = (query: URLSearchParams) => eventTestOf(query, values.events);
		const { btf: btfPath, libbpf: libbpfPath, hooks } = values;
		// While there are the rights to find it out.
		const doctor = examine({ btfPath, libbpfPath, hooks, version });
		using listening = listen(
			new ServedTracer(tracer, { eventTest, doctor }),
			{ socket: values.socket, loopback },
			({ message }) => stderr.write(`conntracer: serve: ${safeText(message)}\n`),
		);
		giveUpRights?.();
		stderr.write(readyText(tracer.ready));
		stderr.write(`conntracer: serving ${safeText(listening.places.join(" and "))}\n`);
		const { duration } = values;
		await aborted(
			duration === null ? signal : AbortSignal.any([signal, AbortSignal.timeout(duration)]),
		);
		stderr.write(summaryText(tracer.summary()));
		return EXIT_DONE;
	},
});

const optionsOf = (values: ServeValues, version: string): ClientTracerOptions => ({
	...{ filter: filterOf(values), transport: transportOf(values), events: values.events },
	maxConnections: values.maxConnections,
	bufferBytes: values.buffer,
	...{ btfPath: values.btf, libbpfPath: values.libbpf, hooks: values.hooks },
	...{ bpfStats: values.verbose, version, containerOf: containerLookup() },
	...{ mostClients: values.maxClients, mostClosed: 50_000, mostOpen: 75_000, expiryMs: 120_000 },
});

function transportOf({ transport }: ServeValues): "tcp" | null {
	if (transport !== "udp") return transport;
	throw new UsageError(
		"--transport udp: what is served is of TCP, and of UDP besides",
		"leave it out, and filter what comes",
	);
}

function loopbackOf({ listen, tokenFile }: ServeValues): Loopback | null {
	if (listen === null) return null;
	if (tokenFile === null)
		throw new UsageError(
			"--listen: every user of this machine can reach it, so it takes a token",
			"--token-file FILE, with something that nobody can guess in it",
		);
	return { ...listen, token: tokenIn(tokenFile) };
}

function tokenIn(path: string): string {
	const name = `--token-file ${JSON.stringify(path)}`;
	if ((statSync(path).mode & OF_OTHERS) !== 0)
		throw new UsageError(`${name}: others may read it`, `chmod 600 ${path}`);
	const token = readFileSync(path, "utf8").trim();
	if (token.length >= TOKEN_LENGTH) return token;
	const hint = "head -c 24 /dev/urandom | base64 > FILE";
	throw new UsageError(`${name} has less than ${TOKEN_LENGTH} characters`, hint);
}

function aborted(signal: AbortSignal): Promise<void> {
	if (signal.aborted) return Promise.resolve();
	return new Promise((resolve) =>
		signal.addEventListener("abort", () => resolve(), { once: true }),
	);
}
