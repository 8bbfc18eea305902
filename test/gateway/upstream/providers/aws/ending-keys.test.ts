import type { ServerResponse } from 'node:http';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createMantle } from '../../../../../src/gateway/upstream/providers/mantle.ts';
import { stubAwsEnvironment } from '../../../../support/aws-environment.ts';
import {
  errorOf,
  open,
  post,
  readAll,
  startInferenceGateway,
  type TestUpstream,
} from '../../../../support/inference-gateway.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';
import { createMemoryLog } from '../../../../support/memory-log.ts';
import { createAwsAccount } from '../../../../support/stand-ins/aws-account.ts';
import { ROLE_ARN, startSts } from '../../../../support/stand-ins/aws-sts.ts';
import { MANTLE, startMantle } from '../../../../support/stand-ins/mantle.ts';
import { answerEvents, startUpstream } from '../../../../support/upstream.ts';

const REQUEST = { model: MANTLE.model, max_tokens: 10, messages: [{ role: 'user', content: 'hi' }] };
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const STREAMS = 50;

/** A gateway whose keys for Bedrock come from STS and last for an hour. */
async function standUp(others: readonly TestUpstream[] = []) {
  const clock = createManualClock(Date.now());
  const log = createMemoryLog();
  const account = createAwsAccount(clock.now);
  const identityToken = 'token-of-the-pod';
  const sts = await startSts({ account, identityToken, now: clock.now, lifetimeMs: HOUR_MS });
  const environment = stubAwsEnvironment({ AWS_ROLE_ARN: ROLE_ARN, AWS_ENDPOINT_URL_STS: sts.url });
  vi.stubEnv('AWS_WEB_IDENTITY_TOKEN_FILE', environment.file('token', identityToken));
  const upstream = await startMantle(account);
  const provider = createMantle(
    {
      region: MANTLE.region,
      baseUrl: upstream.origin,
      credential: { kind: 'default_chain' },
      headers: {},
    },
    { name: 'mantle', clock, log, fetch },
  );
  const gateway = await startInferenceGateway([
    { name: 'mantle', url: upstream.origin, provider },
    ...others,
  ]);
  onTestFinished(async () => {
    await gateway.close();
    await upstream.close();
    await sts.close();
  });
  return {
    clock,
    log,
    account,
    sts,
    upstream,
    gateway,
    post: (body: unknown = REQUEST) => post(gateway, body),
    /** Resolves once STS has been asked that often and the keys are in use. */
    async renewed(calls: number): Promise<void> {
      await vi.waitFor(async () => {
        expect((await post(gateway, REQUEST)).status).toBe(200);
        expect(upstream.requests.at(-1)?.headers.authorization).toContain(sts.issued[calls - 1]?.accessKeyId);
      });
    },
  };
}

describe('keys that end', () => {
  it('are renewed under fifty streams, of which none breaks', async () => {
    const world = await standUp();
    const running: ServerResponse[] = [];
    const [start = '', ...rest] = answerEvents(['to', 'the', 'end']);
    world.upstream.answerAll((asked, response) => {
      if (!asked.isStreamed) return void response.end('{}');
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(start);
      running.push(response);
    });
    const streams = await Promise.all(
      Array.from({ length: STREAMS }, () => open(world.gateway, { ...REQUEST, stream: true })),
    );
    expect(streams.map(({ statusCode }) => statusCode)).toEqual(Array(STREAMS).fill(200));
    expect(world.sts.calls).toBe(1);

    const [first] = world.sts.issued;
    world.clock.advance(HOUR_MS - 4 * MINUTE_MS);
    await world.renewed(2);
    expect(world.sts.calls).toBe(2);
    world.clock.advance(5 * MINUTE_MS);
    if (first) world.account.expire(first);
    expect((await world.post()).status).toBe(200);

    for (const response of running) response.end(rest.join(''));
    const ends = await Promise.all(streams.map(readAll));
    expect(ends.every(({ body, isComplete }) => isComplete && body.includes('message_stop'))).toBe(true);
    expect(world.sts.calls).toBe(2);
  });

  it('before their time are replaced, and the request that found out is served', async () => {
    const world = await standUp();
    expect((await world.post()).status).toBe(200);
    world.clock.advance(10 * MINUTE_MS);
    const [first] = world.sts.issued;
    if (first) world.account.expire(first);
    const answers = await Promise.all([world.post(), world.post(), world.post()]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(world.sts.calls).toBe(2);
  });

  it('serve to their end while their source is down, and the operator is told', async () => {
    const world = await standUp();
    expect((await world.post()).status).toBe(200);
    world.sts.isDown = true;
    world.clock.advance(HOUR_MS - 4 * MINUTE_MS);
    expect((await world.post()).status).toBe(200);
    expect(await world.log.line(/goes on serving/)).toMatch(
      /^warn no credential for upstream mantle: InternalFailure/,
    );
    world.clock.advance(3 * MINUTE_MS);
    expect((await world.post()).status).toBe(200);
  });
});

describe('a source of keys that is down', () => {
  it('makes the next upstream serve, with a clear word to the operator', async () => {
    const other = await startUpstream();
    onTestFinished(other.close);
    const world = await standUp([{ name: 'other', url: other.url }]);
    world.sts.isDown = true;
    expect((await world.post()).status).toBe(200);
    expect(other.requests).toHaveLength(1);
    expect(world.upstream.requests).toHaveLength(0);
    expect(world.gateway.log.find((line) => line.startsWith('error'))).toMatch(
      /^error upstream mantle failed: no credential for upstream mantle: InternalFailure.*check upstreams\[\]\.auth of mantle/,
    );
  });

  it('is not asked for every request, and serves again once it is back', async () => {
    const world = await standUp();
    world.sts.isDown = true;
    const answer = await world.post();
    expect([answer.status, errorOf(answer).type]).toEqual([502, 'api_error']);
    const { calls } = world.sts;
    await world.post();
    expect(world.sts.calls).toBe(calls);
    world.sts.isDown = false;
    world.clock.advance(6_000);
    expect((await world.post()).status).toBe(200);
  });
});
