import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import type { NewDeviceGrant } from '../../src/gateway/store/ports.ts';
import { MINUTE, NOW, type StoreUnderTest } from './every-store.ts';

const EXPIRES = NOW + 10 * MINUTE;

function newGrant(changes: Partial<NewDeviceGrant> = {}): NewDeviceGrant {
  return {
    deviceHash: randomUUID(),
    userCodeMac: randomUUID(),
    sealed: 'sealed once',
    intervalSeconds: 5,
    createdAtMs: NOW,
    expiresAtMs: EXPIRES,
    ...changes,
  };
}

export function deviceGrantsContract(under: StoreUnderTest): void {
  it('are found by device and by user code, pending, as they were made', async () => {
    const grant = newGrant();
    expect(await under.store.grants.create(grant)).toBe(true);
    const found = {
      deviceHash: grant.deviceHash,
      state: 'pending',
      sealed: 'sealed once',
      intervalSeconds: 5,
      lastPolledAtMs: undefined,
      createdAtMs: NOW,
      expiresAtMs: EXPIRES,
      version: 1,
    };
    expect(await under.replica.grants.findByDevice(grant.deviceHash, NOW)).toEqual(found);
    expect(await under.replica.grants.findByUserCode(grant.userCodeMac, NOW)).toEqual(found);
  });

  it('are not found under what nobody was given', async () => {
    const grant = newGrant();
    await under.store.grants.create(grant);
    expect(await under.store.grants.findByDevice(grant.userCodeMac, NOW)).toBeUndefined();
    expect(await under.store.grants.findByUserCode(grant.deviceHash, NOW)).toBeUndefined();
  });

  it('do not share a user code while one of them is open, and the one that has it stays whole', async () => {
    const first = newGrant();
    const second = newGrant({ userCodeMac: first.userCodeMac });
    await under.store.grants.create(first);
    expect(await under.replica.grants.create(second)).toBe(false);
    expect(await under.store.grants.findByDevice(second.deviceHash, NOW)).toBeUndefined();
    expect(await under.store.grants.findByUserCode(first.userCodeMac, NOW)).toMatchObject({
      deviceHash: first.deviceHash,
    });
  });

  it('go to one of many that draw the same user code at once', async () => {
    const userCodeMac = randomUUID();
    const draws = Array.from({ length: 10 }, (_, i) =>
      (i % 2 ? under.store : under.replica).grants.create(newGrant({ userCodeMac })),
    );
    expect((await Promise.all(draws)).filter(Boolean)).toHaveLength(1);
  });

  it('leave their user code to others once they have expired', async () => {
    const first = newGrant();
    const second = newGrant({
      userCodeMac: first.userCodeMac,
      createdAtMs: EXPIRES,
      expiresAtMs: EXPIRES + MINUTE,
    });
    await under.store.grants.create(first);
    expect(await under.store.grants.create(second)).toBe(true);
    expect(await under.store.grants.findByUserCode(first.userCodeMac, EXPIRES)).toMatchObject({
      deviceHash: second.deviceHash,
    });
  });

  it('are gone at the moment they expire', async () => {
    const grant = newGrant();
    await under.store.grants.create(grant);
    expect(await under.store.grants.findByDevice(grant.deviceHash, EXPIRES - 1)).toBeDefined();
    expect(await under.store.grants.findByDevice(grant.deviceHash, EXPIRES)).toBeUndefined();
    expect(await under.store.grants.findByUserCode(grant.userCodeMac, EXPIRES)).toBeUndefined();
  });

  it('change only for who has seen the latest version', async () => {
    const grant = newGrant();
    await under.store.grants.create(grant);
    const polled = { intervalSeconds: 10, lastPolledAtMs: NOW + 1 };
    expect(await under.store.grants.update(grant.deviceHash, 1, polled)).toBe(true);
    expect(await under.replica.grants.update(grant.deviceHash, 1, { state: 'approved' })).toBe(false);
    const approval = { state: 'approved', sealed: 'sealed again' } as const;
    expect(await under.replica.grants.update(grant.deviceHash, 2, approval)).toBe(true);
    expect(await under.store.grants.findByDevice(grant.deviceHash, NOW)).toMatchObject({
      ...polled,
      ...approval,
      createdAtMs: NOW,
      expiresAtMs: EXPIRES,
      version: 3,
    });
  });

  it('that nobody has made cannot be changed', async () => {
    expect(await under.store.grants.update(randomUUID(), 1, { state: 'approved' })).toBe(false);
  });

  it('are redeemed by exactly one of many that try at once on two replicas', async () => {
    const grant = newGrant();
    await under.store.grants.create(grant);
    await under.store.grants.update(grant.deviceHash, 1, { state: 'approved', sealed: 'claims' });
    const redemptions = Array.from({ length: 20 }, (_, i) =>
      (i % 2 ? under.store : under.replica).grants.update(grant.deviceHash, 2, {
        state: 'used',
        sealed: null,
      }),
    );
    expect((await Promise.all(redemptions)).filter(Boolean)).toHaveLength(1);
    expect(await under.store.grants.findByDevice(grant.deviceHash, NOW)).toMatchObject({
      state: 'used',
      version: 3,
    });
  });

  it.each(['used', 'denied'] as const)('keep nothing sealed once %s', async (state) => {
    const grant = newGrant();
    await under.store.grants.create(grant);
    expect(await under.store.grants.update(grant.deviceHash, 1, { state, sealed: 'still here?' })).toBe(true);
    expect(await under.store.grants.findByDevice(grant.deviceHash, NOW)).toMatchObject({
      state,
      sealed: undefined,
    });
  });

  it('drop what is sealed when told to, and stay open', async () => {
    const grant = newGrant();
    await under.store.grants.create(grant);
    await under.store.grants.update(grant.deviceHash, 1, { sealed: null });
    expect(await under.store.grants.findByUserCode(grant.userCodeMac, NOW)).toMatchObject({
      state: 'pending',
      sealed: undefined,
    });
  });

  it.each(['used', 'denied'] as const)('free their user code for others once %s', async (state) => {
    const grant = newGrant();
    await under.store.grants.create(grant);
    await under.store.grants.update(grant.deviceHash, 1, { state });
    expect(await under.store.grants.findByUserCode(grant.userCodeMac, NOW)).toBeUndefined();
    expect(await under.store.grants.create(newGrant({ userCodeMac: grant.userCodeMac }))).toBe(true);
  });

  it('that ended late do not take the user code from the grant that has it now', async () => {
    const late = newGrant();
    const later = newGrant({ userCodeMac: late.userCodeMac, createdAtMs: EXPIRES, expiresAtMs: EXPIRES * 2 });
    await under.store.grants.create(late);
    await under.store.grants.create(later);
    await under.store.grants.update(late.deviceHash, 1, { state: 'denied' });
    expect(await under.store.grants.findByUserCode(late.userCodeMac, EXPIRES)).toMatchObject({
      deviceHash: later.deviceHash,
    });
  });
}
