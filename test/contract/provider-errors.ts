import { APIError } from '@anthropic-ai/sdk';
import { expect, it } from 'vitest';
import { PRIVATE_WORD, type ScriptedAnswer } from '../support/stand-ins/stand-in.ts';
import { MODEL, type ProviderUnderTest } from './every-provider.ts';
import { eventsOf, TEXT } from './provider-conversation.ts';

const ASKED = { model: MODEL, max_tokens: 100, messages: [{ role: 'user' as const, content: 'hi' }] };

/** What failures look like to the vendor's SDK when there is no other upstream. */
export function errorsContract(under: ProviderUnderTest): void {
  const refusedWith = async (answer: ScriptedAnswer) => {
    const gateway = await under.gateway(under.standIn);
    under.standIn.answer(answer);
    const error: unknown = await under
      .client(gateway)
      .messages.create(ASKED)
      .then(
        () => undefined,
        (reason: unknown) => reason,
      );
    if (!(error instanceof APIError)) throw new Error('the SDK saw no error of the API');
    const event = await gateway.event();
    return { error, event, log: gateway.log.join('\n') };
  };

  it.each([
    [
      'invalid',
      { kind: 'invalid', message: `tools.0.custom.strict: Extra inputs are not permitted` },
      400,
      'invalid_request_error',
    ],
    ['too large', { kind: 'too_large' }, 413, 'request_too_large'],
    ['throttled', { kind: 'throttled', retryAfterSeconds: 7 }, 429, 'rate_limit_error'],
    ['without the model', { kind: 'model_missing' }, 404, 'not_found_error'],
    ['of a credential', { kind: 'credential_refused' }, 502, 'api_error'],
    ['failed', { kind: 'failed' }, 502, 'api_error'],
  ] as const)('passes a refusal on, %s', async (_what, answer, status, type) => {
    const { error, event } = await refusedWith(answer);
    expect(error.status).toBe(status);
    expect(error.error).toMatchObject({ type: 'error', error: { type } });
    expect(event['status']).toBe(status);
  });

  it('says when to come back', async () => {
    const { error } = await refusedWith({ kind: 'throttled', retryAfterSeconds: 7 });
    expect(error.headers?.get('retry-after')).toBe('7');
  });

  it('keeps the words of the model itself', async () => {
    const message = 'prompt is too long: 200001 tokens > 200000 maximum';
    const { error } = await refusedWith({ kind: 'invalid_enveloped', message });
    expect(error.status).toBe(400);
    expect(error.error).toMatchObject({ error: { type: 'invalid_request_error', message } });
  });

  it('names a refused field so that clients recover', async () => {
    const message = 'tools.0.custom.strict: Extra inputs are not permitted';
    const { error } = await refusedWith({ kind: 'invalid', message });
    expect(error.message).toContain(message);
  });

  it('tells the operator alone what a platform says of accounts', async () => {
    const { error, log } = await refusedWith({
      kind: 'invalid',
      message: `account ${PRIVATE_WORD} is closed`,
    });
    expect(error.status).toBe(400);
    if (under.traits.showsErrorsAsTheyAre) return;
    expect(error.message).not.toContain(PRIVATE_WORD);
    expect(error.message).toContain('upstream rejected the request');
    expect(log).toContain(PRIVATE_WORD);
  });

  it.each(['credential_refused', 'throttled', 'model_missing', 'failed', 'too_large'] as const)(
    'says nothing private when it is %s',
    async (kind) => {
      const { error } = await refusedWith({ kind });
      expect(error.message).not.toContain(PRIVATE_WORD);
    },
  );

  it('turns an overload in the middle of a stream into an error of the SDK', async () => {
    const gateway = await under.gateway(under.standIn);
    under.standIn.answer({ kind: 'overloaded_midway', events: eventsOf(TEXT).slice(0, 3) });
    const stream = under.client(gateway).messages.stream(ASKED);
    const error: unknown = await stream.done().catch((reason: unknown) => reason);
    expect(String(error)).toContain('overloaded_error');
    if (!under.traits.showsErrorsAsTheyAre) {
      expect(String(error)).not.toContain(PRIVATE_WORD);
      expect(under.log.join('\n')).toContain(PRIVATE_WORD);
    }
    expect(await gateway.event()).toMatchObject({
      status: 200,
      outcome: 'upstream_broke',
      input_tokens: 1234,
    });
  });

  it('says an overload in place of a stream as an answer with that status', async () => {
    const gateway = await under.gateway(under.standIn);
    under.standIn.answer({ kind: 'overloaded_midway', events: [] });
    const error: unknown = await under
      .client(gateway)
      .messages.stream(ASKED)
      .done()
      .catch((reason: unknown) => reason);
    if (!(error instanceof APIError)) throw new Error('the SDK saw no error of the API');
    expect(error.status).toBe(under.traits.saysUnavailable ? 502 : 529);
    expect(error.message.includes(PRIVATE_WORD)).toBe(under.traits.showsErrorsAsTheyAre);
    expect(await gateway.event()).toMatchObject({ status: error.status, attempts: 1 });
  });

  it.each(['truncated', 'reset'] as const)(
    'turns a stream that is %s into an error, never into an answer',
    async (kind) => {
      const gateway = await under.gateway(under.standIn);
      under.standIn.answer({ kind, events: eventsOf(TEXT).slice(0, 3) });
      const stream = under.client(gateway).messages.stream(ASKED);
      await expect(stream.done()).rejects.toThrow(APIError);
      expect(await gateway.event()).toMatchObject({ outcome: 'upstream_broke', input_tokens: 1234 });
    },
  );
}
