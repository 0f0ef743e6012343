/** One workload that can be played again and again: by the same processes, on the same ports. */

import { Puppet } from "./puppet.ts";
import { ownPrograms } from "./traffic.ts";

export const { client: CLIENT, server: SERVER } = ownPrograms("fam");

const REQUEST = 1000;
const RESPONSE = 300;
const DATAGRAM = 77;

/** What one play() does, besides the connection that was there before it. */
export const PLAYED = {
	/** Established ones, of which one is never accepted. */
	opened: 6,
	refused: 1,
	/** The one from before included; the server has not read what it never accepted. */
	clientSent: 7 * REQUEST,
	serverReceived: 6 * REQUEST,
	serverSent: 5 * RESPONSE,
	datagramBytes: DATAGRAM,
};

const V4 = "127.0.0.1";
const V6 = "::1";

interface Connection {
	readonly near: number;
	readonly far: number;
}

export class FamilyScene implements AsyncDisposable {
	readonly #server = Puppet.start();
	readonly #client = Puppet.start();
	/** The port of the server's listeners; its second listener, of IPv6, has the same. */
	#port = 0;
	/** Bound, and closed to connections. */
	#refusing = 0;
	#datagrams = 0;
	#listener = 0;
	#early: Connection = { near: 0, far: 0 };

	async open(): Promise<void> {
		const server = this.#server;
		await server.call("rename", SERVER);
		await this.#client.call("rename", CLIENT);
		for (const kind of ["tcp4", "udp4"]) {
			const fd = await server.do("socket", kind);
			await server.call("bind", fd, V4, 0);
			const port = await server.do("local_port", fd);
			if (kind === "udp4") this.#datagrams = port;
			else this.#refusing = port;
			if (kind === "udp4") await server.call("close", fd);
		}
		const [listener, port] = await server.listen();
		await server.call("close", listener);
		this.#port = port;
	}

	/** A server that listens, and a connection to it; to be done before each play. */
	async prepare(): Promise<void> {
		[this.#listener] = await this.#server.listen(this.#port);
		this.#early = await this.#connect();
	}

	async play(): Promise<void> {
		await this.#send(this.#early, REQUEST);
		await this.#close(this.#early, "client");
		await this.#server.call("close", this.#listener);
		[this.#listener] = await this.#server.listen(this.#port);
		for (const first of ["client", "server", "reset"] as const) {
			const connection = await this.#connect();
			await this.#exchange(connection);
			await this.#close(connection, first);
		}
		await this.#playIpv6();
		await this.#playLateAccept();
		await this.#playNoAccept();
		const { result: fd } = await this.#client.call("socket", "tcp4");
		await this.#client.attempt("connect", fd, V4, this.#refusing);
		await this.#client.call("close", fd);
		await this.#playDatagrams();
	}

	async #connect(): Promise<Connection> {
		const [near] = await this.#client.connect(this.#port);
		return { near, far: await this.#server.do("accept", this.#listener) };
	}

	async #send({ near, far }: Connection, bytes: number): Promise<void> {
		await this.#client.call("send", near, bytes);
		await this.#server.call("recv_all", far, bytes);
	}

	async #exchange(connection: Connection): Promise<void> {
		await this.#send(connection, REQUEST);
		await this.#server.call("send", connection.far, RESPONSE);
		await this.#client.call("recv_all", connection.near, RESPONSE);
	}

	async #close({ near, far }: Connection, first: "client" | "server" | "reset"): Promise<void> {
		if (first === "server") await this.#server.call("close", far);
		if (first === "reset") await this.#client.call("set", near, "linger", 0);
		await this.#client.call("close", near);
		if (first !== "server") await this.#server.call("close", far);
	}

	async #playIpv6(): Promise<void> {
		const [listener] = await this.#server.listen(this.#port, "tcp6", V6);
		const [near] = await this.#client.connect(this.#port, "tcp6", V6);
		const connection = { near, far: await this.#server.do("accept", listener) };
		await this.#exchange(connection);
		await this.#close(connection, "client");
		await this.#server.call("close", listener);
	}

	/** The request is there when the connection is accepted. */
	async #playLateAccept(): Promise<void> {
		const [near] = await this.#client.connect(this.#port);
		await this.#client.call("send", near, REQUEST);
		const connection = { near, far: await this.#server.do("accept", this.#listener) };
		await this.#server.call("recv_all", connection.far, REQUEST);
		await this.#server.call("send", connection.far, RESPONSE);
		await this.#client.call("recv_all", near, RESPONSE);
		await this.#close(connection, "client");
	}

	/** The listening socket goes first, and the connection with it. */
	async #playNoAccept(): Promise<void> {
		const [near] = await this.#client.connect(this.#port);
		await this.#client.call("send", near, REQUEST);
		await this.#server.call("close", this.#listener);
		await this.#client.call("close", near);
	}

	/** One each way, between sockets that are both connected. */
	async #playDatagrams(): Promise<void> {
		const [client, server] = [this.#client, this.#server];
		const far = await server.do("socket", "udp4");
		await server.call("bind", far, V4, this.#datagrams);
		const near = await client.do("socket", "udp4");
		await client.call("connect", near, V4, this.#datagrams);
		await server.call("connect", far, V4, await client.do("local_port", near));
		await client.call("send", near, DATAGRAM);
		await server.call("recv", far, DATAGRAM);
		await server.call("send", far, DATAGRAM);
		await client.call("recv", near, DATAGRAM);
		await client.call("close", near);
		await server.call("close", far);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#client[Symbol.asyncDispose]();
		await this.#server[Symbol.asyncDispose]();
	}
}
