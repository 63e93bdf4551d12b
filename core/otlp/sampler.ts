/** Which traces are kept, as OTEL_TRACES_SAMPLER names the ways to decide. */
import type { TraceParent } from "../tracing/traceparent.ts";

/** Whether the span of this trace is recorded; `parent` is null at the beginning of a trace. */
export type Sampler = (traceId: string, parent: TraceParent | null) => boolean;

const ROOTS: Readonly<Record<string, (ratio: number) => Sampler>> = {
  always_on: () => () => true,
  always_off: () => () => false,
  traceidratio: (ratio) => (traceId) => share(traceId) < ratio,
};
const USUAL = "parentbased_always_on";

/**
 * The sampler for a `ratio` that was set, else for the values of OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG, else one that keeps what its
 * caller keeps and every trace that begins here. `note` says what was not understood.
 */
export function samplerOf(ratio: number | null, name: string | undefined, arg: string | undefined): { readonly sampler: Sampler; readonly note: string | null } {
  if (ratio !== null) return { sampler: byParent(ROOTS.traceidratio!(ratio)), note: null };
  const wanted = name?.trim().toLowerCase() || USUAL;
  const root = wanted.replace(/^parentbased_/, "");
  const make = Object.hasOwn(ROOTS, root) ? ROOTS[root]! : null;
  if (make === null) return { ...samplerOf(null, USUAL, undefined), note: `Cannot use OTEL_TRACES_SAMPLER ${JSON.stringify(wanted)}: expected ${Object.keys(ROOTS).flatMap((one) => [one, `parentbased_${one}`]).join(", ")}; all traces are kept` };
  const share = arg === undefined || arg.trim() === "" ? 1 : Number(arg);
  const isShare = root !== "traceidratio" || (share >= 0 && share <= 1);
  const sampler = make(isShare ? share : 1);
  const note = isShare ? null : "Cannot use OTEL_TRACES_SAMPLER_ARG: expected a number from 0 to 1; all traces are kept";
  return { sampler: wanted === root ? sampler : byParent(sampler), note };
}

function byParent(root: Sampler): Sampler {
  return (traceId, parent) => (parent === null ? root(traceId, null) : parent.isSampled);
}

/** Where in 0 to 1 a trace is, by its id: so that all who see it decide alike. */
function share(traceId: string): number {
  return parseInt(traceId.slice(-13), 16) / 2 ** 52;
}
