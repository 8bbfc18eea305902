import { expect, it } from 'vitest';
import { DAY, HOUR, MINUTE, NOW, type StoreUnderTest } from './every-store.ts';

const limit = { max: 1, windowSeconds: 60 };

export function upkeepContract(under: StoreUnderTest): void {
  it('answers a ping, and not one that has been given up', async () => {
    await under.store.ping(AbortSignal.timeout(10_000));
    await expect(under.store.ping(AbortSignal.abort())).rejects.toMatchObject({ code: 'store_unavailable' });
  });

  it('tells what its clock shows', async () => {
    const before = Date.now();
    const shown = await under.store.nowMs();
    // All on one machine; PostgreSQL counts microseconds.
    expect(shown).toBeGreaterThanOrEqual(before - 1);
    expect(shown).toBeLessThanOrEqual(Date.now() + 1);
  });

  it('sweeps grants and counters at their moment, not before', async () => {
    const grant = { deviceHash: 'd', userCodeMac: 'm', sealed: 's', intervalSeconds: 5 };
    await under.store.grants.create({ ...grant, createdAtMs: NOW, expiresAtMs: NOW + MINUTE });
    await under.store.rateCounters.hit('key', limit, NOW);
    await under.store.sweep(NOW + MINUTE - 1);
    expect(await under.store.grants.findByDevice('d', NOW)).toBeDefined();
    expect(await under.store.grants.findByUserCode('m', NOW)).toBeDefined();
    expect(await under.store.rateCounters.hit('key', limit, NOW)).toMatchObject({ allowed: false });
    await under.store.sweep(NOW + MINUTE);
    // Asked as of before: what is still there would be found.
    expect(await under.store.grants.findByDevice('d', NOW)).toBeUndefined();
    expect(await under.store.grants.findByUserCode('m', NOW)).toBeUndefined();
    expect(await under.store.rateCounters.hit('key', limit, NOW)).toMatchObject({ allowed: true });
  });

  it('sweeps revocations when the last token they concern has expired', async () => {
    await under.store.revocations.add({ target: { sid: 's' }, sinceMs: NOW, untilMs: NOW + DAY });
    await under.store.sweep(NOW + DAY - 1);
    expect((await under.store.revocations.listAfter(undefined, NOW)).entries).toHaveLength(1);
    await under.store.sweep(NOW + DAY);
    expect((await under.store.revocations.listAfter(undefined, NOW)).entries).toEqual([]);
  });

  it('keeps expired sessions for another day, for those who look for them', async () => {
    const times = { createdAtMs: NOW, renewedAtMs: NOW, lastSeenAtMs: NOW, expiresAtMs: NOW + DAY };
    await under.store.sessions.create({
      sid: 's',
      sub: 'ada',
      client: undefined,
      refreshNumber: 0,
      ...times,
    });
    await under.store.sweep(NOW + 2 * DAY - 1);
    expect(await under.store.sessions.find('s')).toBeDefined();
    await under.store.sweep(NOW + 2 * DAY);
    expect(await under.store.sessions.find('s')).toBeUndefined();
  });

  it('sweeps on several replicas at once without harm', async () => {
    for (let i = 0; i < 20; i += 1) await under.store.rateCounters.hit(`key-${i}`, limit, NOW);
    const sweeps = Array.from({ length: 6 }, (_, i) =>
      (i % 2 ? under.store : under.replica).sweep(NOW + MINUTE),
    );
    await Promise.all(sweeps);
    expect(await under.store.rateCounters.hit('key-7', limit, NOW)).toMatchObject({ allowed: true });
  });

  it('sweeps and overlooks nothing that its own clock says still matters, however far ahead the gateway is', async () => {
    const [now, ahead] = [Date.now(), Date.now() + 60 * DAY];
    const grant = { deviceHash: 'd', userCodeMac: 'm', sealed: 's', intervalSeconds: 5 };
    await under.store.grants.create({ ...grant, createdAtMs: now, expiresAtMs: now + HOUR });
    await under.store.revocations.add({ target: { sid: 's' }, sinceMs: now, untilMs: now + DAY });
    await under.store.sweep(ahead);
    expect(await under.store.grants.findByDevice('d', now)).toBeDefined();
    expect((await under.store.revocations.listAfter(undefined, ahead)).entries).toHaveLength(1);
  });
}
