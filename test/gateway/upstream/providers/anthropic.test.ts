import { afterEach, describe, expect, it } from 'vitest';
import { createAnthropic } from '../../../../src/gateway/upstream/providers/anthropic.ts';
import { post, request, startInferenceGateway } from '../../../support/inference-gateway.ts';
import { createManualClock } from '../../../support/manual-clock.ts';
import { createMemoryLog } from '../../../support/memory-log.ts';
import { openIdentityExchange } from '../../../support/stand-ins/anthropic-identity.ts';
import { listenOnLoopback } from '../../../support/stand-ins/scripted-answers.ts';
import { message, refusal } from '../../../support/upstream.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** An API that takes what its token endpoint has issued, and the gateway before it. */
async function standUp() {
  const exchange = await openIdentityExchange();
  closers.push(exchange.close);
  const shown: string[] = [];
  const server = await listenOnLoopback(({ url = '', headers }, body, response) => {
    if (url === '/base/v1/oauth/token') return exchange.serve(headers, body, response);
    const token = headers.authorization?.replace('Bearer ', '');
    shown.push(`${token} ${headers['anthropic-beta']}`);
    const received = { method: 'POST', url, headers, body, closed: Promise.resolve() };
    const answer = exchange.hasIssued(token) ? message() : refusal(401, 'authentication_error');
    return answer(received, response);
  });
  closers.push(server.close);
  const clock = createManualClock();
  const name = 'claude';
  const provider = createAnthropic(
    {
      baseUrl: `${server.origin}/base/v1`,
      credential: { kind: 'federation', federation: exchange.options },
      headers: {},
      forwardUserIdentity: false,
    },
    { name, clock, log: createMemoryLog(), fetch },
  );
  const gateway = await startInferenceGateway([{ name, url: server.origin, provider }]);
  closers.push(gateway.close);
  return { exchange, clock, gateway, shown };
}

describe('the Anthropic API by identity federation', () => {
  it('gets the token of an exchange at the base URL, with the beta that such tokens need', async () => {
    const { gateway, shown, exchange } = await standUp();
    const betas = { 'anthropic-beta': 'context-1m-2025-08-07' };
    expect((await post(gateway, request)).status).toBe(200);
    expect((await post(gateway, request, { headers: betas })).status).toBe(200);
    expect(shown).toEqual([
      'sk-ant-oat01-federated-1 oauth-2025-04-20',
      'sk-ant-oat01-federated-1 context-1m-2025-08-07,oauth-2025-04-20',
    ]);
    expect(exchange.exchanges).toHaveLength(1);
  });

  it('gets the request once more with another token after a 401, and the developer hears nothing of it', async () => {
    const { gateway, shown, exchange, clock } = await standUp();
    await post(gateway, request);
    clock.advance(60_000);
    exchange.revoke();
    expect((await post(gateway, request)).status).toBe(200);
    expect(shown.map((line) => line.split(' ')[0])).toEqual([
      'sk-ant-oat01-federated-1',
      'sk-ant-oat01-federated-1',
      'sk-ant-oat01-federated-2',
    ]);
    expect(await gateway.event(1)).toMatchObject({ attempts: 1, status: 200 });
  });

  it('is given up when it refuses new tokens as well, as a matter of the operator', async () => {
    const { gateway, shown, exchange, clock } = await standUp();
    await post(gateway, request);
    clock.advance(60_000);
    exchange.revoke();
    exchange.instead = {
      status: 200,
      body: JSON.stringify({ access_token: 'of-somebody-else', expires_in: 600 }),
    };
    const { status, body } = await post(gateway, request);
    expect(status).toBe(502);
    expect(body.toString()).toContain("the gateway's own access to the model failed");
    expect(shown).toHaveLength(3);
    expect(gateway.log.join('\n')).toMatch(/error upstream claude answered 401/);
  });

  it('is not asked at all without a token, and the log says why', async () => {
    const { gateway, shown, exchange } = await standUp();
    exchange.instead = {
      status: 401,
      body: '{"type":"error","error":{"type":"authentication_error","message":"Authentication failed"}}',
    };
    expect((await post(gateway, request)).status).toBe(502);
    expect(shown).toEqual([]);
    expect(gateway.log.join('\n')).toMatch(
      /error upstream claude failed: .*answered 401 authentication_error: Authentication failed/,
    );
  });
});
