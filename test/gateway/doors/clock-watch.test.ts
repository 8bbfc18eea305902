import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createClockWatch, type OtherClock } from '../../../src/gateway/doors/clock-watch.ts';
import { createManualClock, type ManualClock } from '../../support/manual-clock.ts';
import { createMemoryLog, type MemoryLog } from '../../support/memory-log.ts';

const HOUR_MS = 3_600_000;
const NOW = Date.UTC(2026, 0, 1);

let clock: ManualClock;
let log: MemoryLog;
let counted: OtherClock[];
let watch: ReturnType<typeof createClockWatch>;

beforeEach(() => {
  clock = createManualClock(NOW);
  log = createMemoryLog();
  counted = [];
  watch = createClockWatch({ clock, log, onOff: (whose) => counted.push(whose) });
});

/** A look at a store whose clock shows that. */
async function look(nowMs: () => number | Promise<number>): Promise<void> {
  const stop = await watch.followStore({ nowMs: async () => nowMs() });
  stop();
}

describe('the store', () => {
  it.each([0, 29_000, 30_000, -30_000])('may be %i ms off', async (offMs) => {
    await look(() => clock.now() + offMs);
    expect([counted, log.lines]).toEqual([[], []]);
  });

  it.each([
    [31_000, '31 s ahead of'],
    [-3_600_000, '3600 s behind'],
  ])('%i ms off is counted, and logged with what to do', async (offMs, how) => {
    await look(() => clock.now() + offMs);
    expect(counted).toEqual(['store']);
    expect(log.lines).toHaveLength(1);
    expect(log.lines[0]).toContain(`warn the store has a clock that is ${how} this machine's: `);
    expect(log.lines[0]).toMatch(/time server \(NTP\)\. This is logged once an hour\.$/);
  });

  it('is not held to have a wrong clock because it took its time to answer', async () => {
    const slow = (theirs: number) => async () => {
      clock.advance(90_000);
      return theirs;
    };
    await look(slow(NOW));
    await look(slow(clock.now() + 90_000));
    expect(counted).toEqual([]);
    await look(slow(clock.now() - 31_000));
    expect(counted).toEqual(['store']);
    expect(log.lines[0]).toContain(' 31 s behind ');
  });

  it('that does not answer is left to its circuit', async () => {
    await look(() => Promise.reject(new Error('gone')));
    expect([counted, log.lines]).toEqual([[], []]);
  });

  it('is counted each time and logged once an hour', async () => {
    const wrong = () => clock.now() + 60_000;
    await look(wrong);
    clock.advance(HOUR_MS - 1);
    await look(wrong);
    expect([counted.length, log.lines.length]).toEqual([2, 1]);
    clock.advance(1);
    await look(wrong);
    expect([counted.length, log.lines.length]).toEqual([3, 2]);
  });
});

describe('the identity provider', () => {
  let headers: Record<string, string> = {};
  const server = createServer((_request, response) => {
    response.sendDate = false;
    response.writeHead(200, headers).end('an answer');
  });
  let url = '';

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });

  async function ask(sent: Record<string, string>): Promise<void> {
    headers = sent;
    const answer = await watch.followProvider(fetch)(url);
    expect(await answer.text()).toBe('an answer');
  }
  const date = (offMs: number) => new Date(NOW + offMs).toUTCString();

  it('shows its clock in every answer', async () => {
    await ask({ date: date(0) });
    await ask({ date: date(30_000) });
    expect(counted).toEqual([]);
    await ask({ date: date(95_000) });
    await ask({ date: date(-95_000) });
    expect(counted).toEqual(['identity_provider', 'identity_provider']);
    expect(log.lines).toHaveLength(1);
    expect(log.lines[0]).toMatch(
      /^warn the identity provider has a clock that is 95 s ahead of this machine's: .*oidc\.clock_skew_seconds/,
    );
  });

  it('may be behind a cache that has kept an answer for long', async () => {
    await ask({ date: date(-600_000), age: '600' });
    expect(counted).toEqual([]);
    await ask({ date: date(-600_000), age: '60' });
    expect(counted).toHaveLength(1);
    expect(log.lines[0]).toContain(' 540 s behind ');
  });

  it.each<Record<string, string>>([
    {},
    { date: 'yesterday' },
    { date: new Date(0).toUTCString(), age: 'old' },
  ])('is not judged by what is no time: %j', async (sent) => {
    await ask(sent);
    expect([counted, log.lines]).toEqual([[], []]);
  });

  it('and the store are logged each for itself', async () => {
    await ask({ date: date(95_000) });
    await look(() => clock.now() + 95_000);
    expect(counted).toEqual(['identity_provider', 'store']);
    expect(log.lines).toHaveLength(2);
  });
});
