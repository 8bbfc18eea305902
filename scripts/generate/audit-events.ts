import { auditEvents, type EventDescription } from '../../src/gateway/audit/events.ts';
import { code, generatedFrom, table } from './markdown.ts';

/** `docs/audit-events.md`: every event and field of the table that the code writes by. */
export function auditEventsPage(): string {
  const events = Object.entries(auditEvents);
  const now = events.filter(([, { isLater }]) => !isLater);
  const later = events.filter(([, { isLater }]) => isLater);
  return `${generatedFrom('src/gateway/audit/events.ts')}

# Audit events

One JSON object a line. Every line has \`ts\` (ISO 8601, milliseconds, UTC), \`evt\` and \`seq\`, which counts the lines of one process,
so that a gap is visible; \`worker\` where several processes write; \`request_id\` where the event belongs to a request; \`lost\` where
lines before it could not be written. Fields
that do not apply are left out. The last line of a process that ends in order is \`gateway.stop\`. The JSON Schema is
[schemas/audit-event.schema.json](../schemas/audit-event.schema.json), also printed by \`sallyport schema audit-event\`. Readers should
ignore events and fields they do not know.

No line holds a prompt, a completion, a token, a key or a code.

${now.map(section).join('\n\n')}

## Not recorded by this version

These names belong to parts that this version does not have; no line carries them yet.

${table(
  ['event', 'when'],
  later.map(([name, { when }]) => [code(name), when]),
)}
`;
}

function section([name, { when, fields }]: readonly [string, EventDescription]): string {
  const rows = Object.entries(fields).map(([field, { type, meaning }]) => [code(field), type, meaning]);
  return `## ${name}

Recorded when ${when}.

${table(['field', 'type', 'meaning'], rows)}`;
}
