/** Why a request is not answered: as errors of the command line are, in JSON. */

import { safeJson } from "../sink/text.ts";

type Code = "usage" | "permission" | "busy" | "bug";

function problem(
	status: number,
	code: Code,
	message: string,
	hint: string | null,
	headers: Readonly<Record<string, string>> = {},
): Response {
	const body = safeJson(JSON.stringify({ type: "error", code, message, hint }));
	return new Response(`${body}\n`, {
		status,
		headers: { "content-type": "application/json", "cache-control": "no-store", ...headers },
	});
}

export const badRequest = (message: string, hint: string | null): Response =>
	problem(400, "usage", message, hint);

export const noToken = (): Response =>
	problem(
		401,
		"permission",
		"the token is missing, or another one",
		"Authorization: Bearer TOKEN",
		{
			"www-authenticate": "Bearer",
		},
	);

export const noSuchPath = (path: string, paths: readonly string[]): Response =>
	problem(404, "usage", `${JSON.stringify(path.slice(0, 64))}: no such path`, paths.join(", "));

export const notAllowed = (method: string, allowed: readonly string[]): Response =>
	problem(405, "usage", `${method}: not here`, `allowed: ${allowed.join(", ")}`, {
		allow: allowed.join(", "),
	});

export const noMoreClients = (): Response =>
	problem(
		503,
		"busy",
		"there are as many clients as may be",
		"raise --max-clients, forget one (DELETE /connections?client_id=NAME), or end a stream",
		{ "retry-after": "120" },
	);

export const busy = (): Response =>
	problem(503, "busy", "too many long answers have not been read yet", "come again in a moment", {
		"retry-after": "1",
	});

/** What went wrong is for whoever runs it, not for whoever asks. */
export const failed = (): Response =>
	problem(500, "bug", "the answer could not be made", "this is a bug: please report it");
