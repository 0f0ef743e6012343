/** A tracer as the API has it: its clients, and metrics of everything. */

import type { ClientConnections, ClientTracer, ServiceStats } from "../trace/client-tracer.ts";
import { Metrics } from "./metrics.ts";
import type { Served } from "./routes.ts";

export class ServedTracer implements Served {
	readonly #tracer: ClientTracer;
	readonly #metrics = new Metrics();

	constructor(tracer: ClientTracer) {
		this.#tracer = tracer;
		tracer.collectFor((changed) => this.#metrics.take(changed));
	}

	connections(clientId: string): ClientConnections | null {
		return this.#tracer.connections(clientId);
	}

	forget(clientId: string): void {
		this.#tracer.forget(clientId);
	}

	stats(): ServiceStats {
		return this.#tracer.stats();
	}

	async metrics(): Promise<{ readonly text: string; readonly contentType: string }> {
		this.#metrics.forgetOpen();
		this.#tracer.collect();
		const text = await this.#metrics.text(this.#tracer.stats());
		return { text, contentType: this.#metrics.contentType };
	}
}
