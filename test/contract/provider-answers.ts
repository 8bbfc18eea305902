import { describe, expect, it } from 'vitest';
import { MODEL, type ProviderUnderTest } from './every-provider.ts';
import { eventsOf, TEXT, THINKING, TOOL_USE } from './provider-conversation.ts';

const ASKED = { model: MODEL, max_tokens: 100, messages: [{ role: 'user' as const, content: 'hi' }] };
const METERED = { input_tokens: 1234, output_tokens: 56, cache_read_tokens: 7, cache_write_tokens: 8 };
const ANSWERS = [
  ['text', TEXT],
  ['tool use', TOOL_USE],
  ['thinking', THINKING],
] as const;

/** What successes look like to the vendor's SDK, and to the meter. */
export function answersContract(under: ProviderUnderTest): void {
  it.each(ANSWERS)('answers whole: %s', async (_what, message) => {
    const gateway = await under.gateway(under.standIn);
    under.standIn.answer({ kind: 'message', message });
    expect(await under.client(gateway).messages.create(ASKED)).toMatchObject(message);
    expect(under.standIn.requests.at(-1)).toMatchObject({ model: under.standIn.model, isStreamed: false });
    expect(await gateway.event()).toMatchObject({
      model: MODEL,
      upstream: 'upstream-0',
      upstream_model: under.standIn.model,
      attempts: 1,
      status: 200,
      outcome: 'complete',
      upstream_request_id: expect.any(String),
      ...METERED,
    });
  });

  it.each(ANSWERS)('streams: %s', async (_what, message) => {
    const gateway = await under.gateway(under.standIn);
    under.standIn.answer({ kind: 'stream', events: eventsOf(message) });
    const stream = under.client(gateway).messages.stream(ASKED);
    const types: string[] = [];
    stream.on('streamEvent', ({ type }) => types.push(type));
    expect(await stream.finalMessage()).toMatchObject(message);
    expect(types).toEqual(eventsOf(message).map(({ type }) => type));
    expect(under.standIn.requests.at(-1)).toMatchObject({ model: under.standIn.model, isStreamed: true });
    expect(await gateway.event()).toMatchObject({
      status: 200,
      stream: true,
      outcome: 'complete',
      ...METERED,
    });
  });

  it('lets the SDK tell text, thinking and the input of tools as they come', async () => {
    const gateway = await under.gateway(under.standIn);
    const heard = { text: '', thinking: '', input: '' };
    const listen = async (message: typeof TEXT): Promise<void> => {
      under.standIn.answer({ kind: 'stream', events: eventsOf(message) });
      const stream = under.client(gateway).messages.stream(ASKED);
      stream.on('text', (delta) => {
        heard.text += delta;
      });
      stream.on('thinking', (delta) => {
        heard.thinking += delta;
      });
      stream.on('inputJson', (delta) => {
        heard.input += delta;
      });
      await stream.done();
    };
    await listen(THINKING);
    await listen(TOOL_USE);
    expect(heard).toEqual({
      text: 'That.I look it up.',
      thinking: 'First this, then that.',
      input: '{"city":"Zürich","days":[1,2]}',
    });
  });

  describe('count_tokens', () => {
    it('counts, or says that it cannot so that clients count by themselves', async () => {
      const gateway = await under.gateway(under.standIn);
      under.standIn.answer({ kind: 'count', inputTokens: 321 });
      const { max_tokens: _unused, ...countable } = ASKED;
      expect(await under.client(gateway).messages.countTokens(countable)).toEqual({ input_tokens: 321 });
      expect(await gateway.event()).toMatchObject({
        endpoint: 'count_tokens',
        status: 200,
        outcome: 'complete',
      });
    });
  });
}
