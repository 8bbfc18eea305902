import { describe, expect, it } from 'vitest';
import { createCredentialSource, type Lease } from '../../../src/gateway/upstream/credential-source.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { createMemoryLog } from '../../support/memory-log.ts';

const HOUR_MS = 3_600_000;

/** A source whose calls the test answers, one after the other. */
function standUp() {
  const clock = createManualClock();
  const log = createMemoryLog();
  const calls: PromiseWithResolvers<Lease<string>>[] = [];
  const load = () => {
    const call = Promise.withResolvers<Lease<string>>();
    calls.push(call);
    return call.promise;
  };
  const source = createCredentialSource({ name: 'cloud', load }, { clock, log });
  return {
    clock,
    log,
    calls,
    source,
    grant: (value: string, lifetimeMs = HOUR_MS) =>
      calls.at(-1)?.resolve({ value, expiresAtMs: clock.now() + lifetimeMs }),
    /** A source that has this credential already. */
    async holding(value: string, lifetimeMs = HOUR_MS) {
      const got = source.get();
      this.grant(value, lifetimeMs);
      await got;
    },
  };
}

describe('a credential source', () => {
  it('asks once for all who wait, and then not again', async () => {
    const { source, calls, grant } = standUp();
    const waiting = [source.get(), source.get(), source.get()];
    grant('one');
    expect(await Promise.all(waiting)).toEqual(['one', 'one', 'one']);
    expect(source.get()).toBe('one');
    expect(calls).toHaveLength(1);
  });

  it('renews ahead of the end while the old one serves', async () => {
    const world = standUp();
    await world.holding('old');
    world.clock.advance(HOUR_MS - 100_000);
    expect([world.source.get(), world.source.get()]).toEqual(['old', 'old']);
    expect(world.calls).toHaveLength(2);
    world.grant('new');
    await world.calls[1]?.promise;
    expect(await world.source.get()).toBe('new');
  });

  it('gives nobody one that is about to end', async () => {
    const world = standUp();
    await world.holding('old');
    world.clock.advance(HOUR_MS - 20_000);
    const got = world.source.get();
    world.grant('new');
    expect(await got).toBe('new');
  });

  it('gives up only part of a short life', async () => {
    const world = standUp();
    await world.holding('short', 60_000);
    world.clock.advance(29_000);
    expect(world.source.get()).toBe('short');
    expect(world.calls).toHaveLength(1);
    world.clock.advance(15_000);
    expect(world.source.get()).toBe('short');
    expect(world.calls).toHaveLength(2);
    world.clock.advance(2_000);
    const got = world.source.get();
    world.grant('new');
    expect(await got).toBe('new');
    expect(world.calls).toHaveLength(2);
  });

  it('goes on with a good one while its source is down, and says so', async () => {
    const world = standUp();
    await world.holding('old');
    world.clock.advance(HOUR_MS - 100_000);
    expect(world.source.get()).toBe('old');
    world.calls[1]?.reject(new Error('connect ECONNREFUSED'));
    await world.log.line(/warn .*no credential for upstream cloud: connect ECONNREFUSED/);
    expect(world.source.get()).toBe('old');
    expect(world.calls).toHaveLength(2);
    world.clock.advance(5_000);
    expect(world.source.get()).toBe('old');
    expect(world.calls).toHaveLength(3);
  });

  it('fails with the cause, and leaves the source in peace for a while', async () => {
    const world = standUp();
    const got = world.source.get();
    world.calls[0]?.reject(new Error('the role may not be assumed'));
    const refusal = {
      code: 'upstream_credentials',
      detail: 'no credential for upstream cloud: the role may not be assumed',
    };
    await expect(got).rejects.toMatchObject(refusal);
    await expect(world.source.get()).rejects.toMatchObject(refusal);
    expect(world.calls).toHaveLength(1);
    world.clock.advance(5_000);
    const again = world.source.get();
    world.grant('late');
    expect(await again).toBe('late');
  });

  it('tells all whose credential was refused that another one is coming, while it comes and when it cannot', async () => {
    const world = standUp();
    await world.holding('old');
    world.clock.advance(60_000);
    expect(world.source.refused('old')).toBe(true);
    const renewed = Promise.resolve(world.source.get()).catch(() => 'none');
    expect(world.source.refused('old')).toBe(true);
    world.calls[1]?.reject(new Error('the source is down'));
    expect(await renewed).toBe('none');
    expect(world.source.refused('old')).toBe(false);
    expect(world.calls).toHaveLength(2);
  });

  it('fetches another one for one that was refused, but not for one that is new', async () => {
    const world = standUp();
    await world.holding('old');
    expect(world.source.refused('old')).toBe(false);
    world.clock.advance(60_000);
    expect(world.source.refused('old')).toBe(true);
    const got = world.source.get();
    world.grant('new');
    expect(await got).toBe('new');
    expect(world.source.refused('old')).toBe(true);
    expect(world.source.get()).toBe('new');
    expect(world.source.refused('new')).toBe(false);
  });

  it('keeps one that is not known to end', async () => {
    const world = standUp();
    const got = world.source.get();
    world.calls[0]?.resolve({ value: 'fixed', expiresAtMs: undefined });
    expect(await got).toBe('fixed');
    world.clock.advance(1_000 * HOUR_MS);
    expect(world.source.get()).toBe('fixed');
  });
});
