/** Spans as the JSON of OTLP: an ExportTraceServiceRequest. */
import type { Span } from "./span.ts";
import { type Attributes, keyValues, nanos } from "./values.ts";

export function tracesJson(spans: readonly Span[], resource: Attributes, version: string): string {
  const scopes = Map.groupBy(spans, (span) => span.options.scope);
  return JSON.stringify({
    resourceSpans: [{
      resource: { attributes: keyValues(resource) },
      scopeSpans: [...scopes].map(([name, all]) => ({ scope: name === "tsgi" ? { name, version } : { name }, spans: all.map(spanJson) })),
    }],
  });
}

function spanJson({ options, name, status, attributes, events, links, dropped, endedAt }: Span) {
  const { trace, parent, state, kind, start } = options;
  return {
    traceId: trace.traceId,
    spanId: trace.spanId,
    ...(state === null ? {} : { traceState: state }),
    ...(parent === null ? {} : { parentSpanId: parent }),
    flags: trace.isSampled ? 1 : 0,
    name,
    // The API counts from 0, OTLP from 1: 0 is unspecified.
    kind: kind + 1,
    startTimeUnixNano: nanos(start),
    endTimeUnixNano: nanos(endedAt ?? start),
    attributes: keyValues(attributes),
    droppedAttributesCount: dropped.attributes,
    events: events.map((event) => ({ timeUnixNano: nanos(event.at), name: event.name, attributes: keyValues(event.attributes) })),
    droppedEventsCount: dropped.events,
    links: links.map(({ context, attributes = {} }) => ({ traceId: context.traceId, spanId: context.spanId, attributes: keyValues(attributes) })),
    droppedLinksCount: dropped.links,
    status,
  };
}
