/** Which events a reader of the API wants: the options of `conntracer events`, as a query has them. */

import { UsageError } from "../errors.ts";
import { subjectOfConnection } from "../flow/flow-subject.ts";
import type { EventName } from "../flow/records.ts";
import type { EventTest } from "../serve/event-feed.ts";
import { isFailure } from "../sink/event-columns.ts";
import { eventsOptions } from "./events-options.ts";
import { filterOf } from "./from-options.ts";
import { filterOptions } from "./option-groups.ts";
import { queryValues } from "./query-options.ts";

const { transport: _, ...filters } = filterOptions;
const { events, failed } = eventsOptions;
const QUERY = { events, failed, ...filters };

/**
 * @param recorded those that there are
 * @throws UsageError
 */
export function eventTestOf(query: URLSearchParams, recorded: readonly EventName[]): EventTest {
	const values = queryValues(QUERY, query);
	const wanted = new Set(query.has("events") ? values.events : recorded);
	const missing = [...wanted].filter((name) => !recorded.includes(name));
	if (missing.length > 0)
		throw new UsageError(
			`events ${missing.join(",")}: not recorded by this service`,
			`it records ${recorded.join(",")}; start it with --events for others`,
		);
	const filter = filterOf({ ...values, transport: null });
	return (record) =>
		wanted.has(record.event) &&
		(!values.failed || isFailure(record)) &&
		(filter === null || filter.matches(subjectOfConnection(record, "connection")));
}
