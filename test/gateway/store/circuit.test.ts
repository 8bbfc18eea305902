import postgres from 'postgres';
import { describe, expect, it } from 'vitest';
import { type StoreWatch, withCircuit } from '../../../src/gateway/store/circuit.ts';
import type { Database } from '../../../src/gateway/store/database.ts';
import { CodedError } from '../../../src/kernel/coded-error.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { createMemoryLog } from '../../support/memory-log.ts';

const DOWN = Object.assign(new Error('connect refused'), { code: 'ECONNREFUSED' });

/** A database that fails as told, behind a circuit whose time the test moves. */
function world(watch?: StoreWatch) {
  const clock = createManualClock();
  const log = createMemoryLog();
  const calls: string[] = [];
  let resets = 0;
  const state: { error: Error | undefined } = { error: undefined };
  const answer = async () => {
    if (state.error) throw state.error;
    return [];
  };
  const database: Database = {
    query(text) {
      calls.push(text);
      return answer();
    },
    async transaction(work) {
      await answer();
      return work({ query: answer });
    },
    reset() {
      resets += 1;
    },
    close: async () => undefined,
  };
  const circuit = withCircuit(database, { clock, log, watch });
  const ask = () => circuit.query('select 1');
  return {
    clock,
    log,
    circuit,
    ask,
    calls,
    state,
    resets: () => resets,
    async open() {
      state.error = DOWN;
      for (let i = 0; i < 3; i += 1) await ask().catch(() => undefined);
      await clock.sleeper();
    },
    /** Lets a second pass, and the probe that comes with it. */
    async probe() {
      const asked = calls.length;
      await clock.sleeper();
      clock.advance(1_000);
      while (calls.length === asked) await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

describe('the circuit', () => {
  it('opens after three failures in a row and then asks the database nothing', async () => {
    const { ask, circuit, calls, open } = world();
    await open();
    const asked = calls.length;
    await expect(ask()).rejects.toMatchObject({ code: 'store_unavailable' });
    await expect(circuit.transaction(async () => 'done')).rejects.toMatchObject({
      code: 'store_unavailable',
    });
    expect(calls).toHaveLength(asked);
  });

  it('turns a failure into store_unavailable and keeps its cause', async () => {
    const { ask, state } = world();
    state.error = DOWN;
    await expect(ask()).rejects.toMatchObject({
      code: 'store_unavailable',
      detail: 'ECONNREFUSED',
      cause: DOWN,
    });
  });

  it('stays closed while fewer than three fail in a row', async () => {
    const { ask, state, log } = world();
    for (let round = 0; round < 4; round += 1) {
      state.error = DOWN;
      await expect(ask()).rejects.toThrow();
      await expect(ask()).rejects.toThrow();
      state.error = undefined;
      await ask();
    }
    expect(log.lines).toEqual([]);
  });

  it('tells of a full disk once a minute, although other statements are answered in between', async () => {
    const { ask, clock, state, log } = world();
    const full = new postgres.PostgresError('could not extend file');
    Object.assign(full, { code: '53100', message: 'could not extend file: No space left on device' });
    const failing = async () => {
      state.error = full;
      await expect(ask()).rejects.toMatchObject({ code: 'store_unavailable', cause: full });
      state.error = undefined;
      await ask();
    };
    for (let i = 0; i < 5; i += 1) await failing();
    expect(log.lines).toEqual([
      expect.stringMatching(/^error store is short of what it needs \(53100 .*No space left on device\): /),
    ]);
    clock.advance(60_000);
    await failing();
    expect(log.lines).toHaveLength(2);
  });

  it('is not opened by statements that the database refuses, and hands those errors on', async () => {
    const { ask, circuit, state, log } = world();
    const refused = new CodedError('internal');
    state.error = refused;
    for (let i = 0; i < 5; i += 1) await expect(ask()).rejects.toBe(refused);
    await expect(circuit.transaction(async () => 'done')).rejects.toBe(refused);
    expect(log.lines).toEqual([]);
  });

  it('counts a refused statement as an answer', async () => {
    const { ask, state, log } = world();
    for (const error of [DOWN, DOWN, new CodedError('internal'), DOWN, DOWN]) {
      state.error = error;
      await expect(ask()).rejects.toThrow();
    }
    expect(log.lines).toEqual([]);
  });

  it('probes once a second, closes when the database answers, and says each change once', async () => {
    const { ask, clock, log, calls, state, open, probe } = world();
    await open();
    expect(await clock.sleeper()).toBe(1_000);
    const before = calls.length;
    await probe();
    await probe();
    expect(calls).toHaveLength(before + 2);
    for (let i = 0; i < 5; i += 1) await ask().catch(() => undefined);
    state.error = undefined;
    await probe();
    await ask();
    expect(log.lines).toEqual([
      expect.stringMatching(/^error store is not answering \(ECONNREFUSED\): .*trying again every second$/),
      'info store is answering again',
    ]);
  });

  it('starts with new connections when it opens and after each probe that failed', async () => {
    const { open, probe, resets } = world();
    await open();
    expect(resets()).toBe(1);
    await probe();
    await probe();
    expect(resets()).toBe(3);
  });

  it('opens again, with another line, when the database fails once more', async () => {
    const { log, state, open, probe } = world();
    await open();
    state.error = undefined;
    await probe();
    await open();
    expect(log.lines.map((line) => line.split(' ')[0])).toEqual(['error', 'info', 'error']);
  });

  it('neither probes nor says anything once it is closed for good', async () => {
    const { circuit, calls, clock, log, ask, state, open } = world();
    await open();
    await circuit.close();
    const asked = calls.length;
    clock.advance(10_000);
    await new Promise((resolve) => setImmediate(resolve));
    expect(calls).toHaveLength(asked);
    expect(log.lines).toHaveLength(1);

    const other = world();
    await other.circuit.close();
    other.state.error = state.error = DOWN;
    for (let i = 0; i < 5; i += 1) await other.ask().catch(() => undefined);
    await ask().catch(() => undefined);
    expect(other.log.lines).toEqual([]);
  });

  it('tells its watch of every answer and failure, and of each change', async () => {
    const told: string[] = [];
    const { ask, state, open, probe } = world({
      answered: (ms) => told.push(`answered in ${ms}`),
      failed: () => told.push('failed'),
      circuit: (isOpen) => told.push(isOpen ? 'open' : 'closed'),
    });
    await ask();
    state.error = new CodedError('internal');
    await ask().catch(() => undefined);
    await open();
    await ask().catch(() => undefined);
    state.error = undefined;
    await probe();
    expect(told).toEqual(['answered in 0', 'answered in 0', 'failed', 'failed', 'failed', 'open', 'closed']);
  });
});
