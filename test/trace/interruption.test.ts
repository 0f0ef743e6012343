import { expect } from "bun:test";
import { losses } from "../../src/maps/structs.ts";
import { KernelSide } from "../../src/trace/kernel-side.ts";
import { TRACEPOINTS } from "../../src/trace/plan.ts";
import { NamespacePair } from "../support/namespaces.ts";
import { isOlderThan, kernelTest } from "../support/root.ts";
import { runTraffic } from "../support/traffic.ts";

const SIZES = { maxConnections: 65_536, maxFlows: 1024 };
const NO_EVENTS = { eventTypes: 0, bufferBytes: 4096 };
const TCP_ONLY = { transports: ["tcp"], udpTimeoutMs: 1, udpStreamTimeoutMs: 1 } as const;
const PATHS = { btfPath: null, libbpfPath: null };

kernelTest("what the kernel skips of the first programs, the second ones catch up on", async () => {
	using namespaces = new NamespacePair();
	namespaces.interruptForPackets();
	using kernel = KernelSide.load({
		...SIZES,
		...PATHS,
		...TCP_ONLY,
		keyParts: 0,
		filter: null,
		ways: TRACEPOINTS,
		...NO_EVENTS,
	});
	kernel.attach();
	const churn = ["churn", "--count", "20000", "--threads", "8"];
	await runTraffic(churn, namespaces.left.prefix);
	const skipped = kernel.misses();
	const { caught_up } = losses.read(kernel.lossMemory.view, 0, losses.zero());
	// Before, the kernel runs a program that is in another's way all the same.
	if (isOlderThan("6.1")) expect(skipped).toBe(0);
	else expect(skipped).toBeGreaterThan(0);
	expect(caught_up).toBe(skipped);
});
