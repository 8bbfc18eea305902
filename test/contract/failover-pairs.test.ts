import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import { freePort } from '../support/free-port.ts';
import { startInferenceGateway, type TestGateway } from '../support/inference-gateway.ts';
import { createMemoryLog } from '../support/memory-log.ts';
import type { ScriptedAnswer, StandIn } from '../support/stand-ins/stand-in.ts';
import { MODEL, PROVIDERS } from './every-provider.ts';
import { eventsOf, TEXT } from './provider-conversation.ts';

const FAILURES: readonly (readonly [string, ScriptedAnswer])[] = [
  ['resets the connection', { kind: 'hung_up' }],
  ['sends no headers in time', { kind: 'silent' }],
  ['has failed', { kind: 'failed' }],
  ['is throttled', { kind: 'throttled' }],
  ['refuses the credential', { kind: 'credential_refused' }],
  ['has no such model', { kind: 'model_missing' }],
  ['says in place of a first event that it is overloaded', { kind: 'overloaded_midway', events: [] }],
  ['breaks off before the first event', { kind: 'reset', events: [] }],
  ['ends before the first event', { kind: 'truncated', events: [] }],
];

const standIns: StandIn[] = [];
beforeAll(async () => {
  standIns.push(...(await Promise.all(PROVIDERS.map((kind) => kind.start()))));
});
afterAll(() => Promise.all(standIns.map((standIn) => standIn.close())));

const pairs = PROVIDERS.flatMap((first, i) =>
  PROVIDERS.flatMap((second, k) => (i === k ? [] : [[first.name, second.name, i, k] as const])),
);

describe.each(pairs)('when %s', (_first, second, i, k) => {
  let gateway: TestGateway;
  let upstreams: readonly [StandIn, StandIn];
  const closers: (() => Promise<void>)[] = [];

  const start = async (firstUrl?: string): Promise<TestGateway> => {
    const opened = await Promise.all(
      upstreams.map(async (upstream, at) => {
        const name = `upstream-${at}`;
        const provider = await upstream.makeProvider({
          name,
          clock: systemClock,
          log: createMemoryLog(),
          fetch,
        });
        // The second may be as slow as this machine is.
        const descriptor = { boundsTimeToHeaders: at === 0 };
        const url = at === 0 && firstUrl !== undefined ? firstUrl : upstream.origin;
        return { name, url, provider, descriptor, modelIds: { [MODEL]: upstream.model } };
      }),
    );
    const started = await startInferenceGateway(opened, { ttfbMs: 50 });
    closers.push(async () => {
      await started.close();
      for (const { provider } of opened) provider.close?.();
    });
    return started;
  };

  beforeAll(async () => {
    upstreams = [standInAt(i), standInAt(k)];
    gateway = await start();
  });
  afterAll(() => Promise.all(closers.map((close) => close())));

  it.each(FAILURES)(`%s, ${second} serves`, async (_what, failure) => {
    upstreams[0].answer(failure);
    await isServedBySecond(gateway);
  });

  it(`cannot be reached, ${second} serves`, async () => {
    await isServedBySecond(await start(`http://127.0.0.1:${await freePort()}`));
  });

  const isServedBySecond = async ({ url: baseURL, events, event }: TestGateway): Promise<void> => {
    const [, serving] = upstreams;
    serving.answer({ kind: 'stream', events: eventsOf(TEXT) });
    const earlier = events.length;
    const client = new Anthropic({ baseURL, apiKey: 'developer-key', maxRetries: 0 });
    const messages = [{ role: 'user' as const, content: 'hi' }];
    const stream = client.messages.stream({ model: MODEL, max_tokens: 100, messages });
    expect(await stream.finalMessage()).toMatchObject(TEXT);
    expect(await event(earlier)).toMatchObject({
      upstream: 'upstream-1',
      upstream_model: serving.model,
      attempts: 2,
      status: 200,
      outcome: 'complete',
      input_tokens: 1234,
      output_tokens: 56,
    });
  };
});

function standInAt(index: number): StandIn {
  const standIn = standIns[index];
  if (!standIn) throw new RangeError(`no stand-in ${index}`);
  return standIn;
}
