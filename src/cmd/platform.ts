/** What src/main.ts puts into a Context; not in run.ts, so that tests of options load no tracer. */

import { EventTracer } from "../trace/event-tracer.ts";
import { FlowTracer } from "../trace/flow-tracer.ts";
import type { Context } from "./command.ts";

export type { Output } from "../sink/sink.ts";
export { giveUpRights } from "../trace/least-rights.ts";
export { raisePriority } from "../trace/priority.ts";
export { readerIsGone, writeWouldBlock } from "../trace/reader.ts";
export type { Keyboard } from "./command.ts";

export const openFlowTracer: Context["openFlowTracer"] = (options) => FlowTracer.open(options);
export const openEventTracer: Context["openEventTracer"] = (options) => EventTracer.open(options);
