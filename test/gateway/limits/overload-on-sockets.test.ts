import { afterEach, beforeEach, expect, it } from 'vitest';
import { createOverloadWatch, type OverloadWatch } from '../../../src/gateway/limits/overload.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import {
  errorOf,
  post,
  request,
  startInferenceGateway,
  type TestGateway,
} from '../../support/inference-gateway.ts';
import { createMemoryLog, type MemoryLog } from '../../support/memory-log.ts';
import { type StandInUpstream, startUpstream } from '../../support/upstream.ts';

let upstream: StandInUpstream;
let gateway: TestGateway;
let overload: OverloadWatch;
let log: MemoryLog;

beforeEach(async () => {
  upstream = await startUpstream();
  log = createMemoryLog();
  overload = createOverloadWatch(
    { judgeEveryMs: 100, lateMs: 300, calmMs: 250 },
    { log, clock: systemClock },
  );
  gateway = await startInferenceGateway([{ name: 'a', url: upstream.url }], { admission: { overload } });
});

afterEach(async () => {
  overload.stop();
  await gateway.close();
  await upstream.close();
});

/** Keeps the event loop from turning for longer than it is allowed to, again and again, until told to end. */
function keepBusy(): () => void {
  let isOver = false;
  const turn = (): void => {
    const until = performance.now() + 400;
    while (performance.now() < until);
    if (!isOver) setImmediate(turn);
  };
  turn();
  return () => {
    isOver = true;
  };
}

it('while the event loop cannot keep up, inference is refused until it can again', async () => {
  const relax = keepBusy();
  expect(await log.line(/overloaded/)).toMatch(
    /^warn overloaded: the event loop is \d+ ms late; new inference requests are refused with 529 until it keeps up again$/,
  );
  const refused = await post(gateway, request);
  relax();
  expect(refused.status).toBe(529);
  expect(refused.headers['retry-after']).toBe('5');
  expect(errorOf(refused)).toEqual({
    type: 'overloaded_error',
    message: 'the gateway is overloaded; try again',
  });
  expect(await gateway.event()).toMatchObject({ status: 529, outcome: 'refused', attempts: 0 });
  expect(await log.line(/no longer/)).toMatch(
    /^warn no longer overloaded after \d+ s; inference requests refused: 1$/,
  );
  expect((await post(gateway, request)).status).toBe(200);
  expect(upstream.requests).toHaveLength(1);
  expect(log.lines).toHaveLength(2);
});
