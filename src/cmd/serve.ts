/** `conntracer serve`: the tracer as a service, with an API over HTTP. */

import { missingProcesses } from "../enrich/pid-namespace.ts";
import { SwitchableFilter } from "../flow/switchable-filter.ts";
import type { ClientTracerOptions } from "../trace/client-tracer.ts";
import { type Context, defineCommand } from "./command.ts";
import { eventTestOf } from "./event-query.ts";
import { comeFirst, containerLookup, filterOf, namesOf, rightsForNames } from "./from-options.ts";
import { type Running, reload } from "./reload.ts";
import { EXIT_DONE } from "./report-error.ts";
import { ServeLog } from "./serve-log.ts";
import { serveOptions } from "./serve-options.ts";
import { loopbackOf, type ServeValues, transportOf } from "./serve-values.ts";

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

export const serve = defineCommand({
	...HELP,
	// Whatever can be wrong with the options is found before the kernel is asked.
	async handler(values, context, _words, readAgain = () => values) {
		const loopback = loopbackOf(values);
		const filter = new SwitchableFilter(filterOf(values));
		const options = optionsOf(values, filter, context.version);
		// Other commands have no use for these.
		const { listen, requireFree } = await import("../serve/listeners.ts");
		const { ServedTracer } = await import("../serve/served.ts");
		const { ClientTracer } = await import("../trace/client-tracer.ts");
		const { examine } = await import("../trace/doctor.ts");
		context.outliveReader?.();
		const log = new ServeLog(context.stderr, values.logFormat);
		const { socket, btf: btfPath, libbpf: libbpfPath, hooks } = values;
		await requireFree(socket);
		using tracer = ClientTracer.open(options);
		tracer.reportTo((error) => log.failed(error));
		const eventTest = (query: URLSearchParams) => eventTestOf(query, values.events);
		// While there are the rights to find it out.
		const doctor = examine({ btfPath, libbpfPath, hooks, version: context.version });
		const served = new ServedTracer(tracer, { eventTest, doctor });
		using listening = listen(served, { socket, loopback }, (error) => log.failed(error));
		// The first look at the tables takes rights, too.
		served.stats();
		comeFirst(values, context);
		context.giveUpRights?.(rightsForNames(values));
		log.ready(tracer.ready);
		const missing = missingProcesses();
		if (missing !== null) log.missing(missing);
		const running = { log, filter, loopback, tracer };
		await untilEnd(values, readAgain, running, listening.places, context);
		// Those who are still there hold descriptors.
		listening[Symbol.dispose]();
		try {
			log.summary(tracer.summary());
		} catch (error) {
			log.failed(error);
		}
		return EXIT_DONE;
	},
});

/** In touch with who started it. Who reads that it serves may send a SIGHUP at once. */
async function untilEnd(
	values: ServeValues,
	readAgain: () => ServeValues,
	running: Running,
	places: readonly string[],
	{ signal, env, onReload }: Context,
): Promise<void> {
	const { ServiceManager } = await import("../trace/service-manager.ts");
	using manager = new ServiceManager(env, (error) => running.log.failed(error));
	const status = `serving ${places.join(" and ")}`;
	let held = values;
	using _reloads = onReload?.(() => {
		manager.reloading();
		held = reload(held, readAgain, running);
		manager.ready(status);
	});
	running.log.serving(places);
	manager.ready(status);
	const { duration } = values;
	await aborted(
		duration === null ? signal : AbortSignal.any([signal, AbortSignal.timeout(duration)]),
	);
	manager.stopping();
}

const optionsOf = (
	values: ServeValues,
	filter: SwitchableFilter,
	version: string,
): ClientTracerOptions => ({
	...{ filter, transport: transportOf(values), events: values.events, dns: namesOf(values) },
	maxConnections: values.maxConnections,
	bufferBytes: values.buffer,
	...{ btfPath: values.btf, libbpfPath: values.libbpf, hooks: values.hooks },
	...{ bpfStats: values.verbose, version, containerOf: containerLookup() },
	...{ mostClients: values.maxClients, mostClosed: 50_000, mostOpen: 75_000, expiryMs: 120_000 },
});

function aborted(signal: AbortSignal): Promise<void> {
	if (signal.aborted) return Promise.resolve();
	return new Promise((resolve) =>
		signal.addEventListener("abort", () => resolve(), { once: true }),
	);
}
