import { describe, expect, it } from 'vitest';
import { metrics } from '../../../src/gateway/telemetry/metrics.ts';
import { createRegistry } from '../../../src/gateway/telemetry/registry.ts';
import type { Snapshot } from '../../../src/gateway/telemetry/snapshot.ts';
import { createWorkerFigures, type FollowedWorker } from '../../../src/gateway/telemetry/worker-figures.ts';
import { createManualClock } from '../../support/manual-clock.ts';

const figures = (failovers: number, openStreams: number): Snapshot => ({
  [metrics.failovers.name]: { '': failovers },
  [metrics.openStreams.name]: { '': openStreams },
});

function world() {
  const clock = createManualClock();
  const registry = createRegistry();
  const workers = createWorkerFigures(registry, clock);
  const read = (snapshot: Snapshot) =>
    [metrics.failovers, metrics.openStreams].map(({ name }) => snapshot[name]?.['']);
  /** A worker that answers at once with whatever the test says, or not at all. */
  const start = (first: Snapshot | undefined) => {
    const worker: { says: Snapshot | undefined; asked: number[]; followed: FollowedWorker } = {
      says: first,
      asked: [],
      followed: workers.follow((question) => {
        worker.asked.push(question);
        if (worker.says) worker.followed.answered(question, worker.says);
      }),
    };
    return worker;
  };
  return {
    clock,
    start,
    collect: async () => read(await workers.collect()),
    /** Collects while a worker is silent for longer than it is waited for. */
    async collectImpatiently() {
      const collecting = workers.collect();
      await clock.sleeper();
      clock.advance(1_000);
      return read(await collecting);
    },
    async own(metric: { readonly name: string }) {
      return (await registry.snapshot())[metric.name]?.[''];
    },
  };
}

describe('figures of several workers', () => {
  it('are added up', async () => {
    const { start, collect, own } = world();
    start(figures(1, 2));
    start(figures(10, 20));
    expect(await collect()).toEqual([11, 22]);
    expect(await own(metrics.workers)).toBe(2);
    expect(await own(metrics.workersSilent)).toBe(0);
  });

  it('of one that has ended keep what it counted, and forget its state', async () => {
    const { start, collect, own } = world();
    const crashed = start(figures(5, 3));
    start(figures(1, 1));
    expect(await collect()).toEqual([6, 4]);
    crashed.followed.ended();
    crashed.followed.ended();
    expect(await collect()).toEqual([6, 1]);
    start(figures(2, 0));
    expect(await collect()).toEqual([8, 1]);
    expect(await own(metrics.workers)).toBe(2);
    expect(await own(metrics.workersEnded)).toBe(1);
  });

  it('of one that is silent stand still after a second, without its state, and are counted as such', async () => {
    const { start, collect, collectImpatiently, own } = world();
    const silent = start(figures(5, 3));
    start(figures(1, 1));
    await collect();
    silent.says = undefined;
    expect(await collectImpatiently()).toEqual([6, 1]);
    expect(await own(metrics.workersSilent)).toBe(1);
    silent.says = figures(7, 4);
    expect(await collect()).toEqual([8, 5]);
    expect(await own(metrics.workersSilent)).toBe(1);
  });

  it('that come late count the next time, also when the worker ends before it', async () => {
    const { start, collect, collectImpatiently } = world();
    const slow = start(undefined);
    expect(await collectImpatiently()).toEqual([undefined, undefined]);
    slow.followed.answered(slow.asked[0] ?? 0, figures(4, 4));
    slow.followed.ended();
    slow.followed.answered(slow.asked[0] ?? 0, figures(400, 4));
    expect(await collect()).toEqual([4, undefined]);
  });

  it('do not wait for a worker that ends while it is asked', async () => {
    const { start, clock, collect } = world();
    const dying = start(figures(5, 3));
    await collect();
    dying.says = undefined;
    const collecting = collect();
    await clock.sleeper();
    dying.followed.ended();
    expect(await collecting).toEqual([5, undefined]);
  });

  it('answer the question that was asked, not an older one', async () => {
    const { start, collectImpatiently, collect, clock } = world();
    const worker = start(undefined);
    await collectImpatiently();
    const collecting = collect();
    await clock.sleeper();
    worker.followed.answered(worker.asked[0] ?? 0, figures(1, 1));
    worker.followed.answered(worker.asked[1] ?? 0, figures(2, 2));
    expect(await collecting).toEqual([2, 2]);
  });
});
