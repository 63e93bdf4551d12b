import { chunkBytes } from "./chunk.ts";
import { refused } from "./body_stream.ts";
import { TsgiError } from "./error.ts";
import type { Call } from "./exchange.ts";
import type { Head } from "./head.ts";
import { beginEarly } from "./respond.ts";
import type { HeaderList, StartResponse, Status, Write } from "./types.ts";

/** startResponse for one call (SPEC S-1 to S-12, Appendix B.2). */
export function makeStartResponse(call: Call): StartResponse {
  return function startResponse(status: Status, headers: HeaderList, excInfo?: unknown): Write {
    start(call, arguments.length, excInfo);
    call.head = call.gateway.heads.take(status, headers);
    return (chunk) => write(call, chunk);
  };
}

/** What startResponse changes of a call. */
export interface Starting {
  isStarted: boolean;
  head: Head | null;
  readonly isCommitted: boolean;
}

/** Makes room for a new head, or throws what forbids one. `count` is the number of arguments that startResponse was given. */
export function start(call: Starting, count: number, excInfo: unknown): void {
  if (count < 2 || count > 3) {
    throw new TsgiError("ERR_TSGI_ARGS", `Cannot start the response: expected (status, headers) or (status, headers, excInfo), got ${count} arguments`);
  }
  if (excInfo !== undefined && excInfo !== null) {
    if (call.isCommitted) throw excInfo;
  } else if (call.isStarted) {
    throw new TsgiError("ERR_TSGI_ALREADY_STARTED", "Cannot start the response twice: give what was thrown as the third argument to replace it");
  }
  call.isStarted = true;
  call.head = null;
}

/** The callable that startResponse returns (SPEC W-1 to W-8). */
function write(call: Call, chunk: unknown): Promise<void> {
  if (call.aborted) return refused(call.abortReason);
  if (call.hasReturned) {
    return refused(new TsgiError("ERR_TSGI_WRITE_AFTER_RETURN", "Cannot write after the application has returned: yield the chunk from the body"));
  }
  try {
    const bytes = chunkBytes(chunk);
    if (!call.isCommitted) beginEarly(call);
    if (call.stream === null || bytes.length === 0) return Promise.resolve();
    return call.stream.write(bytes);
  } catch (error) {
    return refused(error);
  }
}
