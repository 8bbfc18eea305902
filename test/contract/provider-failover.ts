import { expect, it } from 'vitest';
import type { ScriptedAnswer } from '../support/stand-ins/stand-in.ts';
import { MODEL, type ProviderUnderTest } from './every-provider.ts';
import { eventsOf, TEXT } from './provider-conversation.ts';

const ASKED = { model: MODEL, max_tokens: 100, messages: [{ role: 'user' as const, content: 'hi' }] };

const OTHERS_TURN: readonly ScriptedAnswer[] = [
  { kind: 'throttled', retryAfterSeconds: 3 },
  { kind: 'credential_refused' },
  { kind: 'model_missing' },
  { kind: 'failed' },
];

/** One provider's failure is another one's turn, unless it is the request that failed. */
export function failoverContract(under: ProviderUnderTest): void {
  it.each(OTHERS_TURN.map((answer) => [answer.kind, answer] as const))(
    'leaves the request to the next one: %s',
    async (_kind, answer) => {
      const gateway = await under.gateway(under.standIn, under.other);
      under.standIn.answer(answer);
      under.other.answer({ kind: 'message', message: TEXT });
      expect(await under.client(gateway).messages.create(ASKED)).toMatchObject(TEXT);
      expect(await gateway.event()).toMatchObject({ upstream: 'upstream-1', attempts: 2, status: 200 });
    },
  );

  it.each(OTHERS_TURN.map((answer) => [answer.kind, answer] as const))(
    'serves what another one could not: %s',
    async (_kind, answer) => {
      const gateway = await under.gateway(under.other, under.standIn);
      under.other.answer(answer);
      under.standIn.answer({ kind: 'stream', events: eventsOf(TEXT) });
      const stream = under.client(gateway).messages.stream(ASKED);
      expect(await stream.finalMessage()).toMatchObject(TEXT);
      expect(await gateway.event()).toMatchObject({
        upstream: 'upstream-1',
        upstream_model: under.standIn.model,
        attempts: 2,
        input_tokens: 1234,
        output_tokens: 56,
      });
    },
  );

  it.each([
    ['invalid', { kind: 'invalid', message: 'max_tokens: must be positive' }],
    ['invalid to the model', { kind: 'invalid_enveloped', message: 'max_tokens: must be positive' }],
    ['too large', { kind: 'too_large' }],
  ] as const)('asks nobody else about a request that is %s', async (_what, answer) => {
    const gateway = await under.gateway(under.standIn, under.other);
    const before = under.other.requests.length;
    under.standIn.answer(answer);
    await expect(under.client(gateway).messages.create(ASKED)).rejects.toThrow();
    expect(under.other.requests).toHaveLength(before);
    expect(await gateway.event()).toMatchObject({ upstream: 'upstream-0', attempts: 1, outcome: 'refused' });
  });

  it.each(['reset', 'truncated'] as const)(
    'is followed by the next one when its stream is %s before the first event',
    async (kind) => {
      const gateway = await under.gateway(under.standIn, under.other);
      under.standIn.answer({ kind, events: [] });
      under.other.answer({ kind: 'stream', events: eventsOf(TEXT) });
      const stream = under.client(gateway).messages.stream(ASKED);
      expect(await stream.finalMessage()).toMatchObject(TEXT);
      expect(await gateway.event()).toMatchObject({
        upstream: 'upstream-1',
        attempts: 2,
        outcome: 'complete',
      });
    },
  );

  it('is followed by nobody once an event of its stream has gone out', async () => {
    const gateway = await under.gateway(under.standIn, under.other);
    const before = under.other.requests.length;
    under.standIn.answer({ kind: 'reset', events: eventsOf(TEXT).slice(0, 4) });
    await expect(under.client(gateway).messages.stream(ASKED).done()).rejects.toThrow();
    expect(under.other.requests).toHaveLength(before);
  });
}
