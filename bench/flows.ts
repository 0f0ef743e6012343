/** Makes so many flows of UDP, one datagram each: `bun flows.ts COUNT`. Run it where they are followed. */

const count = Number(process.argv[2]);
/** Between two pauses, so that loopback's queue has room. */
const BURST = 500;

/** All addresses of loopback lead here. */
const server = await Bun.udpSocket({ hostname: "0.0.0.0", port: 0 });
const socket = await Bun.udpSocket({ hostname: "127.0.0.1", port: 0 });
for (let sent = 0; sent < count; sent++) {
	const host = sent + 1;
	socket.send("x", server.port, `127.1.${host >> 8}.${host & 255}`);
	if (sent % BURST === 0) await Bun.sleep(1);
}
socket.close();
server.close();
