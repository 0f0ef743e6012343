import { describe, expect, test } from "bun:test";
import { monotonicNs } from "../../src/ffi/clocks.ts";
import { sendDatagram } from "../../src/ffi/notify-socket.ts";
import { ServiceManager } from "../../src/trace/service-manager.ts";
import { DatagramSocket } from "../support/datagram-socket.ts";
import { Scratch } from "../support/service.ts";

const fail = (error: Error): void => {
	throw error;
};

describe("a service manager is told", () => {
	for (const kind of ["a path", "an abstract name"])
		test(`at ${kind}`, async () => {
			using scratch = new Scratch();
			const path = kind === "a path" ? scratch.in("notify") : `@conntracer-test-${process.pid}`;
			using socket = new DatagramSocket(path);
			using manager = new ServiceManager({ NOTIFY_SOCKET: path }, fail);
			manager.ready("serving a\nREADY=0");
			expect(await socket.next()).toEqual({ READY: "1", STATUS: "serving a READY=0" });
			const before = Number(monotonicNs() / 1000n);
			manager.reloading();
			const { RELOADING, MONOTONIC_USEC } = await socket.next();
			expect(RELOADING).toBe("1");
			expect(Number(MONOTONIC_USEC)).toBeGreaterThanOrEqual(before);
			expect(Number(MONOTONIC_USEC)).toBeLessThanOrEqual(Number(monotonicNs() / 1000n));
			manager.stopping();
			expect(await socket.next()).toMatchObject({ STOPPING: "1" });
			expect(socket.receive()).toBeNull();
		});
});

describe("its watchdog", () => {
	const usec = { WATCHDOG_USEC: "20000" };
	for (const [what, env, hears] of [
		["hears from us", usec, true],
		["of our process hears from us", { ...usec, WATCHDOG_PID: `${process.pid}` }, true],
		["of another process does not", { ...usec, WATCHDOG_PID: `${process.pid + 1}` }, false],
		["that is off does not", {}, false],
		["that makes no sense does not", { WATCHDOG_USEC: "-5" }, false],
	] as const)
		test(what, async () => {
			using scratch = new Scratch();
			using socket = new DatagramSocket(scratch.in("notify"));
			const manager = new ServiceManager({ NOTIFY_SOCKET: socket.path, ...env }, fail);
			await Bun.sleep(30); // longer than it may be silent, but it is not told yet that we are ready
			expect(socket.receive()).toBeNull();
			manager.ready("here");
			expect(await socket.next()).toMatchObject({ READY: "1" });
			if (hears)
				for (let beat = 0; beat < 3; beat++) expect(await socket.next()).toEqual({ WATCHDOG: "1" });
			manager[Symbol.dispose]();
			while (socket.receive() !== null);
			await Bun.sleep(50); // longer than it may be silent, but we are gone
			expect(socket.receive()).toBeNull();
		});
});

test("without one nothing is sent, and nobody complains", () => {
	using manager = new ServiceManager({ WATCHDOG_USEC: "1000" }, fail);
	manager.ready("here");
	manager.reloading();
	manager.stopping();
});

test("one that is not there is told of once", () => {
	using scratch = new Scratch();
	const errors: string[] = [];
	using manager = new ServiceManager({ NOTIFY_SOCKET: scratch.in("gone") }, ({ message }) => {
		errors.push(message);
	});
	manager.ready("here");
	manager.stopping();
	expect(errors).toHaveLength(1);
	expect(errors[0]).toContain("ENOENT");
});

test("one that does not read does not hold us up", () => {
	using scratch = new Scratch();
	using socket = new DatagramSocket(scratch.in("notify"));
	let error: unknown = null;
	for (let count = 0; count < 100_000 && error === null; count++)
		try {
			sendDatagram(socket.path, "WATCHDOG=1");
		} catch (thrown) {
			error = thrown;
		}
	expect(String(error)).toMatch(/EAGAIN|EWOULDBLOCK/);
});

test("a path that no socket can have is refused before the call", () => {
	for (const path of ["", "@", `/${"x".repeat(107)}`])
		expect(() => sendDatagram(path, "READY=1")).toThrow("EINVAL");
});
