import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { expect, it } from 'vitest';
import { open } from '../support/inference-gateway.ts';
import { MODEL, type ProviderUnderTest } from './every-provider.ts';
import { eventsOf, TEXT } from './provider-conversation.ts';

const ASKED = { model: MODEL, max_tokens: 100, stream: true, messages: [{ role: 'user', content: 'hi' }] };
const PING = 'event: ping\ndata: {"type":"ping"}\n\n';

/** What streams are like while they last. */
export function streamsContract(under: ProviderUnderTest): void {
  it('arrive event by event, long before their end', async () => {
    const gateway = await under.gateway(under.standIn);
    under.standIn.answer({ kind: 'stalled', events: eventsOf(TEXT).slice(0, 3), onClosed: () => undefined });
    const answer = await open(gateway, ASKED);
    const text = await readUntil(answer, 'text_delta');
    expect(answer.headers['content-type']).toMatch(/^text\/event-stream/);
    expect(answer.headers['x-accel-buffering']).toBe('no');
    expect(text.match(/^event: .*$/gm)).toEqual([
      'event: message_start',
      'event: content_block_start',
      'event: content_block_delta',
    ]);
    answer.destroy();
  });

  it('are kept alive by the gateway where only the Anthropic API would', async () => {
    const { sendsPings } = await under.provider();
    expect(sendsPings).toBe(under.traits.showsErrorsAsTheyAre);
    if (sendsPings) return;
    const gateway = await under.relaying({ pingAfterMs: 20 });
    under.standIn.answer({ kind: 'stalled', events: eventsOf(TEXT).slice(0, 3), onClosed: () => undefined });
    const answer = await open(gateway, ASKED);
    const text = await readUntil(answer, `${PING}${PING}`);
    expect(text.indexOf(PING)).toBeGreaterThan(text.indexOf('text_delta'));
    answer.destroy();
  });

  it('end at the provider as soon as the developer has left, and what was used is metered', async () => {
    const gateway = await under.gateway(under.standIn);
    const closed = Promise.withResolvers<void>();
    under.standIn.answer({ kind: 'stalled', events: eventsOf(TEXT).slice(0, 3), onClosed: closed.resolve });
    const answer = await open(gateway, ASKED);
    await readUntil(answer, 'text_delta');
    answer.destroy();
    await closed.promise;
    expect(await gateway.event()).toMatchObject({
      outcome: 'client_left',
      input_tokens: 1234,
      cache_read_tokens: 7,
    });
  });
}

/** Reads on until the answer holds this text. */
async function readUntil(answer: IncomingMessage, wanted: string): Promise<string> {
  let text = '';
  answer.on('error', () => undefined);
  while (!text.includes(wanted)) {
    const chunk: unknown = answer.read();
    if (Buffer.isBuffer(chunk)) text += chunk.toString();
    else await once(answer, 'readable');
  }
  return text;
}
