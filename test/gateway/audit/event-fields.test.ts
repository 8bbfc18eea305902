import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditEvents } from '../../../src/gateway/audit/events.ts';
import type { AuditEventName } from '../../../src/gateway/exchange.ts';
import { post, request, startInferenceGateway, type TestGateway } from '../../support/inference-gateway.ts';
import {
  answerEvents,
  message,
  refusal,
  type StandInUpstream,
  startUpstream,
  stream,
} from '../../support/upstream.ts';

const gateway = fileURLToPath(new URL('../../../src/gateway', import.meta.url));
const sources = readdirSync(gateway, { recursive: true, encoding: 'utf8' })
  // What is counted there has been recorded elsewhere.
  .filter((name) => name.endsWith('.ts') && name !== 'audit/events.ts' && !name.startsWith('telemetry/'))
  .map((name) => ({ name, text: readFileSync(join(gateway, name), 'utf8') }));

interface Call {
  readonly file: string;
  readonly event: AuditEventName;
  /** Names written out in the call; what is spread into it is not among them. */
  readonly fields: readonly string[];
}

/** Every `audit('event', …, { fields })` of the gateway. */
const calls = sources.flatMap(({ name, text }) =>
  [...text.matchAll(/\baudit\(\s*'([\w.]+)'/g)].map(({ 1: event, index }): Call => {
    if (event === undefined || !isEventName(event))
      throw new Error(`${name}: no event of that name: ${event}`);
    return { file: name, event, fields: fieldsOf(text.slice(index)) };
  }),
);

/** Fields of the table whose part of the gateway does not exist yet. Take them out when it does. */
const LATER = new Set([
  'inference.cost_micros',
  'inference.billing_group',
  'session.revoke.actor',
  'session.revoke.count',
]);

describe('the fields of audit events', () => {
  it('were found in the code', () => {
    expect(calls.length).toBeGreaterThan(10);
    expect(calls.filter(({ fields }) => fields.length > 1).length).toBeGreaterThan(8);
  });

  it.each(calls)('that $file writes with $event are in the table', ({ event, fields }) => {
    const known = Object.keys(auditEvents[event].fields);
    expect(fields.filter((field) => !known.includes(field))).toEqual([]);
  });

  it.each(Object.entries(auditEvents).filter(([, { isLater }]) => !isLater))(
    'that the table has for %s are written somewhere',
    (event, { fields }) => {
      const unwritten = Object.keys(fields).filter((field) => {
        const isWritten = sources.some(
          ({ text }) => text.includes('audit') && new RegExp(`\\b${field}\\b\\s*[:,}]`, 'i').test(text),
        );
        return isWritten === LATER.has(`${event}.${field}`);
      });
      expect(unwritten).toEqual([]);
    },
  );
});

describe('an inference event', () => {
  let upstream: StandInUpstream;
  let served: TestGateway;

  beforeAll(async () => {
    upstream = await startUpstream();
    served = await startInferenceGateway([{ name: 'a', url: upstream.url }]);
  });

  afterAll(async () => {
    await served.close();
    await upstream.close();
  });

  it('has no field that the table does not have, of the type that the table says', async () => {
    const headers = {
      'x-claude-code-session-id': 's',
      'x-claude-code-request-class': 'main',
      'x-claude-code-agent-type': 'x',
      'x-claude-code-managed-settings-checksum': `sha256:${'0'.repeat(64)}`,
    };
    await post(served, request, { headers });
    upstream.answer = stream(...answerEvents(['hello']));
    await post(served, { ...request, stream: true }, { headers });
    upstream.answer = refusal(400, 'invalid_request_error');
    await post(served, request);
    upstream.answer = message();
    await post(served, { ...request, model: 'forbidden-model' });
    await post(served, {}, { path: '/v1/messages/count_tokens' });
    await served.event(4);
    const seen = new Set<string>();
    for (const [name, value] of served.events.flatMap((event) => Object.entries(event))) {
      if (value === undefined) continue;
      seen.add(name);
      expect([name, typeof value]).toEqual([name, typeOf(auditEvents.inference.fields[name]?.type)]);
    }
    const expected = Object.keys(auditEvents.inference.fields).filter(
      (field) => !LATER.has(`inference.${field}`),
    );
    expect([...seen].sort()).toEqual(expected.sort());
  });
});

function typeOf(type: string | undefined): string | undefined {
  return type === 'integer' ? 'number' : type;
}

function isEventName(name: string): name is AuditEventName {
  return Object.hasOwn(auditEvents, name);
}

/** The names at the top of the last object literal of a call; the text begins at the call. */
function fieldsOf(text: string): string[] {
  const fields: string[] = [];
  let depth = 0;
  let member = '';
  const finish = (): void => {
    const name = /^\s*(?:'([\w]+)'|(\w+))\s*(?::|$)/.exec(member);
    const found = name?.[1] ?? name?.[2];
    if (found !== undefined) fields.push(found);
    member = '';
  };
  for (const char of text.slice(text.indexOf('('))) {
    if (char === ',' && depth === 2) finish();
    else if (depth >= 2) member += char;
    if ('([{'.includes(char)) {
      depth += 1;
      if (depth === 2) member = '';
    }
    if (')]}'.includes(char)) {
      if (depth === 2) {
        member = member.slice(0, -1);
        finish();
      }
      depth -= 1;
      if (depth === 0) return fields;
    }
  }
  return fields;
}
