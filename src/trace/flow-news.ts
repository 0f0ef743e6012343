/** What tells of the flows that begin and end in one network namespace. */

import type { CtFlow } from "../maps/ct-flow.ts";

/** Each flow is there until the next one comes. */
export interface FlowListener {
	begin(flow: CtFlow): void;
	end(flow: CtFlow): void;
}

export interface FlowNews extends Disposable {
	/** Hands on to the listener what has happened since the last call, `most` or a few more. */
	read(most: number): void;
	/** What found no room since the last call. */
	dropped(): Dropped;
	/** Has a flow of a dump known by what news of it are known by. */
	identify(flow: CtFlow): void;
	/** Flows begin without news of it, as where the kernel is told to give none. */
	readonly isIncomplete: boolean;
	/** Whole dumps that may be without a flow before its end was missed: news of it may come later. */
	readonly patience: number;
}

export interface Dropped {
	/** Not counted by anybody else. */
	readonly count: number;
	/** Some of them may be of this namespace. */
	readonly isBehind: boolean;
}
