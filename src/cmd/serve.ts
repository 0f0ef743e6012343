/** `conntracer serve`: the tracer as a service, with an API over HTTP. */

import { SwitchableFilter } from "../flow/switchable-filter.ts";
import type { ClientTracerOptions } from "../trace/client-tracer.ts";
import { type Context, defineCommand } from "./command.ts";
import { containerLookup, filterOf } from "./from-options.ts";
import { loopbackOf } from "./loopback.ts";
import type { Values } from "./option.ts";
import { type Running, reload } from "./reload.ts";
import { EXIT_DONE } from "./report-error.ts";
import { ServeLog } from "./serve-log.ts";
import { serveOptions } from "./serve-options.ts";

type ServeValues = Values<typeof serveOptions>;

const HELP = {
	name: "serve",
	describe: "HTTP API: what connections have moved, for several clients",
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
	missing: { transport: "the API is about connections of TCP" },
} as const;

export const serve = defineCommand({
	...HELP,
	// Whatever can be wrong with the options is found before the kernel is asked.
	async handler(values, context, _words, readAgain = () => values) {
		const loopback = loopbackOf(values);
		const filter = new SwitchableFilter(filterOf({ ...values, transport: null }));
		const options = optionsOf(values, filter, context.version);
		// Other commands have no use for these.
		const { listen, requireFree } = await import("../serve/listeners.ts");
		const { ServedTracer } = await import("../serve/served.ts");
		const { ClientTracer } = await import("../trace/client-tracer.ts");
		context.outliveReader?.();
		const log = new ServeLog(context.stderr, values.logFormat);
		const { socket } = values;
		await requireFree(socket);
		using tracer = ClientTracer.open(options);
		using listening = listen(new ServedTracer(tracer), { socket, loopback }, (error) =>
			log.failed(error),
		);
		context.giveUpRights?.();
		log.ready(tracer.ready);
		log.serving(listening.places);
		const running = { log, filter, loopback, tracer };
		await untilEnd(values, readAgain, running, listening.places, context);
		log.summary(tracer.summary());
		return EXIT_DONE;
	},
});

/** In touch with who started it. */
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
	filter,
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
