import { auditEvents, type EventDescription, type FieldDescription } from '../audit/events.ts';

/** JSON Schema (draft 2020-12) of one line of the audit stream, made from the table that the writer's events come from. */
export function auditEventSchema(): object {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Sallyport audit event',
    description:
      'One line of the audit stream is one such object. Later versions may add events and fields: readers ignore those they do not know.',
    type: 'object',
    required: ['ts', 'evt', 'seq'],
    properties: {
      ts: {
        type: 'string',
        format: 'date-time',
        description: 'when, in UTC with milliseconds',
        examples: ['2026-10-07T09:12:44.500Z'],
      },
      evt: { type: 'string', description: 'what happened' },
      request_id: { type: 'string', description: 'the request it belongs to, if there is one' },
      seq: {
        type: 'integer',
        minimum: 1,
        description: 'counts the lines of one process, so that a gap is visible',
      },
      worker: { type: 'integer', minimum: 1, description: 'which of several workers wrote the line' },
      lost: {
        type: 'integer',
        minimum: 1,
        description: 'how many lines before this one could not be written',
      },
    },
    oneOf: Object.entries(auditEvents).map(([name, event]) => eventSchema(name, event)),
  };
}

function eventSchema(name: string, { when, fields, isLater }: EventDescription): object {
  return {
    title: name,
    description: isLater ? `${when} (not recorded by this version)` : when,
    properties: { evt: { const: name }, ...mapValues(fields, fieldSchema) },
  };
}

function fieldSchema({ type, meaning }: FieldDescription): object {
  return { type, description: meaning };
}

function mapValues<T, R>(record: Readonly<Record<string, T>>, map: (value: T) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
