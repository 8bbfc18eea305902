import { expect, it } from 'vitest';
import type { Accepted, Permit, ScannedBody } from '../../../src/gateway/exchange.ts';
import type { Provider } from '../../../src/gateway/upstream/provider.ts';
import type { Transport } from '../../../src/gateway/upstream/transport.ts';
import { createUpstreams } from '../../../src/gateway/upstream/upstreams.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { createMemoryLog } from '../../support/memory-log.ts';

const provider = {
  origin: 'http://upstream.test',
  sendsPings: true,
  maxBodyBytes: undefined,
  boundsTimeToHeaders: true,
  countsTokens: true,
  prepare: () => ({ path: '/', headers: [], body: Buffer.from('{}') }),
  judge: () => ({ verdict: 'broken', shown: undefined }),
} satisfies Provider;

const plan = {
  permit: {
    caller: { sub: 'dev-1' },
    requestedModel: 'm',
    model: { upstreamId: () => 'm' },
  } as unknown as Permit,
  body: { bytes: Buffer.from('{}') } as unknown as ScannedBody,
  isStreamed: true,
};
const request = { requestId: 'req_1', headers: {}, query: '' } as unknown as Accepted;

it('an answer whose client leaves as its head arrives is given up', async () => {
  let isGivenUp = false;
  const transport: Transport = {
    send: async () => {
      attempts.abort();
      return {
        status: 200,
        headers: {},
        flow: () => undefined,
        pause: () => undefined,
        resume: () => undefined,
        abort: () => {
          isGivenUp = true;
        },
      };
    },
    isUnreached: () => false,
    close: async () => undefined,
  };
  const upstream = { name: 'up', provider, transport, priority: 0, weight: 1, maxConnections: undefined };
  const send = createUpstreams(
    { upstreams: [upstream], ttfbMs: 1_000 },
    { log: createMemoryLog(), audit: () => undefined, clock: createManualClock() },
  );
  const attempts = send(plan, 'messages', request);
  await expect(attempts.next()).rejects.toMatchObject({ code: 'client_left' });
  expect(isGivenUp).toBe(true);
});
