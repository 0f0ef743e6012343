/** Programs at the functions of conntrack, which tell of flows that begin and end, in all namespaces. */

import type { Libbpf } from "../ffi/library.ts";
import { type LoadedObject, OpenObject } from "../ffi/object.ts";
import { RingBuffer } from "../ffi/ring-buffer.ts";
import { FlowEvent } from "../flow/flow-event.ts";
import { readU64 } from "../maps/codec.ts";
import { flowEventLosses } from "../maps/conntrack-structs.ts";
import { tupleId } from "../maps/ct-flow.ts";
import { conntrackObject } from "./assets.ts";
import { clocks, followClocks } from "./clock.ts";
import { ACCOUNTING, type Way } from "./features.ts";
import type { Dropped, FlowListener, FlowNews } from "./flow-news.ts";
import { openOptions } from "./refusal.ts";

const U32_SIZE = 4;

/** In the object: fexit/x is fexit__x. */
const programOf = (hook: string): string => hook.replace("/", "__");

export interface HooksOptions {
	readonly libbpf: Libbpf;
	readonly way: Way;
	/** Of the ring buffer: a power of two, and at least a page. */
	readonly bufferBytes: number;
	readonly btfPath: string | null;
}

export class ConntrackHooks implements Disposable {
	readonly #owned: DisposableStack;
	readonly #programs: readonly string[];
	readonly #ring: RingBuffer;
	readonly #losses: DataView;
	readonly #event = new FlowEvent(clocks());
	readonly #listeners = new Map<number, FlowListener>();
	/** Of a namespace that nobody listens to: who does from now on, or null. */
	#findListener: (netns: number) => FlowListener | null = () => null;

	private constructor(object: LoadedObject, { hooks }: Way) {
		using owned = new DisposableStack();
		owned.use(object);
		owned.use(followClocks());
		this.#ring = owned.use(new RingBuffer(object.map("flow_events", 0, 0)));
		const losses = object.map("flow_event_loss", U32_SIZE, flowEventLosses.size).mapMemory();
		owned.defer(() => losses.close());
		this.#losses = losses.view;
		this.#programs = hooks.map(programOf);
		for (const name of this.#programs) owned.use(object.program(name).attach());
		this.#owned = owned.move();
	}

	/**
	 * Nothing that begins or ends is missed from here on. Its types are a module's: conntrack is there.
	 *
	 * @throws LibbpfError
	 */
	static open({ libbpf, way, bufferBytes, btfPath }: HooksOptions): ConntrackHooks {
		using open = OpenObject.open(
			libbpf,
			conntrackObject(),
			openOptions("conntracer_flows", btfPath),
		);
		for (const other of ACCOUNTING.ways)
			if (other !== way) for (const hook of other.hooks) open.leaveOut(programOf(hook));
		open.resizeMap("flow_events", bufferBytes);
		return open.load((object) => new ConntrackHooks(object, way));
	}

	get programNames(): readonly string[] {
		return this.#programs;
	}

	/** Who is asked for a listener where there is none. */
	onUnknown(find: (netns: number) => FlowListener | null): void {
		this.#findListener = find;
	}

	/** What is told of one namespace. */
	newsOf(netns: number, listener: FlowListener): FlowNews {
		this.#listeners.set(netns, listener);
		return new HookNews(this, () => this.#listeners.delete(netns));
	}

	/** Hands on to each listener what has happened in its namespace. */
	read(most: number): void {
		clocks();
		this.#ring.look(this.#take, most);
		this.#ring.release(this.#ring.lookedUntil);
	}

	/** What found no room, in all. */
	get drops(): number {
		return readU64(this.#losses, flowEventLosses.offsets.dropped);
	}

	readonly #take = (offset: number): void => {
		const event = this.#event;
		event.read(this.#ring.view, offset);
		const listener = this.#listeners.get(event.netns) ?? this.#findListener(event.netns);
		if (event.isBeginning) listener?.begin(event);
		else listener?.end(event);
	};

	[Symbol.dispose](): void {
		this.#owned.dispose();
	}
}

class HookNews implements FlowNews {
	readonly isIncomplete = false;
	/** A packet that is held up keeps its flow from being freed when it is out of the table. */
	readonly patience = 1;
	readonly #hooks: ConntrackHooks;
	readonly #leave: () => void;
	#drops: number;

	constructor(hooks: ConntrackHooks, leave: () => void) {
		this.#hooks = hooks;
		this.#leave = leave;
		this.#drops = hooks.drops;
	}

	read(most: number): void {
		this.#hooks.read(most);
	}

	/** Whose they were is not known: they are counted for all namespaces together. */
	dropped(): Dropped {
		const { drops } = this.#hooks;
		const isBehind = drops > this.#drops;
		this.#drops = drops;
		return { count: 0, isBehind };
	}

	identify(flow: Parameters<FlowNews["identify"]>[0]): void {
		flow.id = tupleId(flow);
	}

	[Symbol.dispose](): void {
		this.#leave();
	}
}
