/** A process that asks what it is told on its standard input, a line of JSON each, and says what it got. */

import { createSocket } from "node:dgram";
import { connect } from "node:net";
import type { Question, Said } from "./dns.ts";

const bytesOf = (hexadecimal: string): Buffer => Buffer.from(hexadecimal, "hex");

function say(said: Said): void {
	process.stdout.write(`${JSON.stringify(said)}\n`);
}

const now = (): number => performance.timeOrigin + performance.now();

/** All from one socket, one after the other; then as many answers as are to be waited for. */
function askUdp({ address, port, messages, answers }: Question): void {
	const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
	let left = answers;
	const begin = now();
	const done = (): void => {
		say({ port: socket.address().port, begin, end: now() });
		socket.close();
	};
	// Nobody is there.
	socket.on("error", () => {});
	socket.on("message", () => {
		if (--left === 0) done();
	});
	socket.bind(0, () => {
		let sent = 0;
		for (const message of messages)
			socket.send(bytesOf(message), port, address, () => {
				if (++sent === messages.length && answers === 0) done();
			});
	});
}

/** Each message is a segment of its own. */
function askTcp({ address, port, messages, answers }: Question): void {
	const begin = now();
	const socket = connect({ host: address, port, noDelay: true });
	let [left, received] = [answers, Buffer.alloc(0)];
	socket.on("data", (data) => {
		received = Buffer.concat([received, Buffer.from(data)]);
		while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
			received = received.subarray(2 + received.readUInt16BE(0));
			left--;
		}
		if (left > 0) return;
		say({ port: socket.localPort ?? 0, begin, end: now() });
		socket.end();
	});
	socket.on("connect", async () => {
		for (const message of messages)
			await new Promise<void>((resolve) => socket.write(bytesOf(message), () => resolve()));
	});
}

for await (const line of console) {
	const question: Question = JSON.parse(line);
	if (question.transport === "tcp") askTcp(question);
	else askUdp(question);
}
