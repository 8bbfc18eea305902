import { beforeEach, describe, expect, it } from 'vitest';
import {
  openForTest,
  type PostOptions,
  post,
  request,
  type TestGateway,
  type TestUpstream,
} from '../../support/inference-gateway.ts';
import { createManualClock, type ManualClock } from '../../support/manual-clock.ts';
import { startTwoUpstreams } from '../../support/two-upstreams.ts';
import { message, refusal, type StandInUpstream, startUpstream } from '../../support/upstream.ts';

let a: StandInUpstream;
let b: StandInUpstream;
let gateway: TestGateway;
let clock: ManualClock;

type Changes = Partial<TestUpstream>;

async function openGateway(ofA: Changes = {}, ofB: Changes = {}, sub = 'dev-1'): Promise<void> {
  gateway = await openForTest(
    [
      { name: 'a', url: a.url, priority: 1, ...ofA },
      { name: 'b', url: b.url, priority: 1, ...ofB },
    ],
    { upstreamClock: clock, caller: { sub } },
  );
}

const session = (id: string): PostOptions => ({ headers: { 'x-claude-code-session-id': id } });

/** Who serves a request of this session. */
async function serves(id: string | undefined, more: PostOptions = {}): Promise<unknown> {
  const at = gateway.events.length;
  await post(gateway, request, { ...(id === undefined ? {} : session(id)), ...more });
  return (await gateway.event(at))['upstream'];
}

/** A session whose home is the upstream of that name. */
async function sessionAt(name: string): Promise<string> {
  for (let i = 0; ; i += 1) if ((await serves(`session-${i}`)) === name) return `session-${i}`;
}

beforeEach(async () => {
  clock = createManualClock();
  ({ first: a, second: b } = await startTwoUpstreams());
});

describe('with upstreams of equal priority', () => {
  it('a conversation stays with one, and both have conversations', async () => {
    await openGateway();
    const homes = new Set<unknown>();
    for (let i = 0; i < 20; i += 1) {
      const home = await serves(`session-${i}`);
      expect(await serves(`session-${i}`)).toBe(home);
      homes.add(home);
    }
    expect(homes).toEqual(new Set(['a', 'b']));
  });

  it('the heavier one has most of them', async () => {
    await openGateway({ weight: 1 }, { weight: 1_000_000 });
    for (let i = 0; i < 20; i += 1) expect(await serves(`session-${i}`)).toBe('b');
  });

  it('requests without a session stay with one for each developer, as do those with one too long to be one', async () => {
    const homes = new Set<unknown>();
    for (let i = 0; i < 12; i += 1) {
      await openGateway({}, {}, `dev-${i}`);
      const home = await serves(undefined);
      expect(await serves(undefined)).toBe(home);
      expect(await serves('x'.repeat(201))).toBe(home);
      expect(await serves('y'.repeat(201))).toBe(home);
      homes.add(home);
      await gateway.close();
    }
    expect(homes).toEqual(new Set(['a', 'b']));
  });

  it('the second is asked when the first fails, and the conversation does not move for it', async () => {
    await openGateway();
    const id = await sessionAt('a');
    a.answer = refusal(500, 'api_error');
    expect(await serves(id)).toBe('b');
    a.answer = message();
    expect(await serves(id)).toBe('a');
  });

  it('one of lower priority is asked when both fail', async () => {
    const last = await startUpstream();
    gateway = await openForTest([
      { name: 'last', url: last.url, priority: 9 },
      { name: 'a', url: a.url, priority: 1 },
      { name: 'b', url: b.url, priority: 1 },
    ]);
    expect(['a', 'b']).toContain(await serves('s'));
    a.answer = refusal(500, 'api_error');
    b.answer = refusal(500, 'api_error');
    expect(await serves('s')).toBe('last');
    await last.close();
  });
});

describe('a conversation whose upstream cools down', () => {
  let id: string;

  beforeEach(async () => {
    await openGateway();
    id = await sessionAt('a');
    a.answer = refusal(429, 'rate_limit_error', 'no', { 'retry-after': '10' });
    expect(await serves(id)).toBe('b');
    a.answer = message();
  });

  it('moves, and stays where its cache is now', async () => {
    clock.advance(10_000);
    expect(await serves(id)).toBe('b');
    clock.advance(299_000);
    expect(await serves(id)).toBe('b');
    clock.advance(299_000);
    expect(await serves(id)).toBe('b');
  });

  it('moves back when the cache is cold', async () => {
    clock.advance(300_000);
    expect(await serves(id)).toBe('a');
    expect(await serves(id)).toBe('a');
  });

  it('is not kept from moving back by counting tokens, which fills no cache', async () => {
    clock.advance(200_000);
    expect(await serves(id, { path: '/v1/messages/count_tokens' })).toBe('b');
    clock.advance(100_000);
    expect(await serves(id)).toBe('a');
  });

  it('is not kept from moving back by requests that are refused, which fill none either', async () => {
    clock.advance(200_000);
    b.answer = refusal(400, 'invalid_request_error');
    expect(await serves(id)).toBe('b');
    clock.advance(100_000);
    expect(await serves(id)).toBe('a');
  });

  it('leaves the others where they are', async () => {
    const other = await sessionAt('b');
    clock.advance(10_000);
    for (let i = 0; i < 10; i += 1) await serves(`more-${i}`);
    expect(await serves(other)).toBe('b');
    expect(a.requests.length).toBeGreaterThan(1);
  });
});
