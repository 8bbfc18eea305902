import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import type { SessionRow } from '../../src/gateway/store/ports.ts';
import { DAY, HOUR, MINUTE, NOW, type StoreUnderTest } from './every-store.ts';

type NewSession = Omit<SessionRow, 'revokedAtMs'>;

function newSession(changes: Partial<NewSession> = {}): NewSession {
  return {
    sid: randomUUID(),
    sub: 'ada',
    client: 'sallyport/1.0',
    createdAtMs: NOW,
    renewedAtMs: NOW,
    lastSeenAtMs: NOW,
    expiresAtMs: NOW + 30 * DAY,
    refreshNumber: 0,
    ...changes,
  };
}

const step = (shownNumber: number, nowMs = NOW + HOUR) => ({
  shownNumber,
  nextNumber: shownNumber + 1,
  nowMs,
  expiresAtMs: nowMs + 30 * DAY,
});

export function sessionsContract(under: StoreUnderTest): void {
  const create = async (changes: Partial<NewSession> = {}): Promise<NewSession> => {
    const session = newSession(changes);
    await under.store.sessions.create(session);
    return session;
  };

  it('are found on every replica as they were made', async () => {
    const session = await create();
    expect(await under.replica.sessions.find(session.sid)).toEqual({ ...session, revokedAtMs: undefined });
    expect(await under.store.sessions.find('another')).toBeUndefined();
  });

  it('may come from a client that did not name itself', async () => {
    const { sid } = await create({ client: undefined });
    expect(await under.store.sessions.find(sid)).toMatchObject({ client: undefined });
  });

  it('that exist are left alone when they are made a second time', async () => {
    const session = await create();
    await under.replica.sessions.create({ ...session, sub: 'grace', refreshNumber: 7 });
    expect(await under.store.sessions.find(session.sid)).toMatchObject({ sub: 'ada', refreshNumber: 0 });
  });

  it('move on to the next refresh token', async () => {
    const { sid } = await create();
    expect(await under.store.sessions.renew(sid, step(0))).toEqual({ kind: 'renewed' });
    expect(await under.store.sessions.find(sid)).toMatchObject({
      refreshNumber: 1,
      createdAtMs: NOW,
      renewedAtMs: NOW + HOUR,
      lastSeenAtMs: NOW + HOUR,
      expiresAtMs: NOW + HOUR + 30 * DAY,
    });
  });

  it('catch up with renewals that were made while the store was away', async () => {
    const { sid } = await create();
    expect(await under.store.sessions.renew(sid, step(4))).toEqual({ kind: 'renewed' });
    expect(await under.store.sessions.find(sid)).toMatchObject({ refreshNumber: 5 });
  });

  it('tell an old refresh token when it was replaced, and stay as they are', async () => {
    const { sid } = await create();
    await under.store.sessions.renew(sid, step(0));
    await under.store.sessions.renew(sid, step(1, NOW + 2 * HOUR));
    expect(await under.replica.sessions.renew(sid, step(0, NOW + 3 * HOUR))).toEqual({
      kind: 'stale',
      currentNumber: 2,
      renewedAtMs: NOW + 2 * HOUR,
    });
    expect(await under.store.sessions.find(sid)).toMatchObject({
      refreshNumber: 2,
      renewedAtMs: NOW + 2 * HOUR,
    });
  });

  it('renew for exactly one of many that show the same refresh token at once', async () => {
    const { sid } = await create();
    const renewals = Array.from({ length: 12 }, (_, i) =>
      (i % 2 ? under.store : under.replica).sessions.renew(sid, step(0)),
    );
    const kinds = (await Promise.all(renewals)).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'renewed')).toHaveLength(1);
    expect(kinds.filter((kind) => kind === 'stale')).toHaveLength(11);
  });

  it('do not renew once revoked, and what was never made is unknown', async () => {
    const { sid } = await create();
    await under.store.sessions.revoke({ sid }, NOW, NOW + DAY);
    expect(await under.store.sessions.renew(sid, step(0))).toEqual({ kind: 'revoked' });
    expect(await under.store.sessions.renew('another', step(0))).toEqual({ kind: 'unknown' });
  });

  it('are touched together, and last seen never goes back', async () => {
    const [early, late, other] = [await create(), await create({ lastSeenAtMs: NOW + DAY }), await create()];
    await under.store.sessions.touch([early.sid, late.sid, 'unknown', early.sid], NOW + HOUR);
    const seen = async ({ sid }: NewSession) => (await under.store.sessions.find(sid))?.lastSeenAtMs;
    expect([await seen(early), await seen(late), await seen(other)]).toEqual([NOW + HOUR, NOW + DAY, NOW]);
  });

  it('are touched by none and by very many', async () => {
    const { sid } = await create();
    await under.store.sessions.touch([], NOW + MINUTE);
    expect(await under.store.sessions.find(sid)).toMatchObject({ lastSeenAtMs: NOW });
    const many = Array.from({ length: 70_000 }, (_, i) => `nobody-${i}`);
    await under.store.sessions.touch([...many, sid], NOW + MINUTE);
    expect(await under.store.sessions.find(sid)).toMatchObject({ lastSeenAtMs: NOW + MINUTE });
  });

  it('are listed newest first, page by page, each once', async () => {
    // Several of one moment, so that pages end inside it.
    const made = [];
    for (let i = 0; i < 7; i += 1) made.push(await create({ createdAtMs: NOW - Math.floor(i / 3) * MINUTE }));
    const seen: SessionRow[] = [];
    let after: string | undefined;
    let pages = 0;
    do {
      const query = { limit: 2, nowMs: NOW, ...(after === undefined ? {} : { after }) };
      const page = await under.store.sessions.list(query);
      seen.push(...page.rows);
      after = page.next;
      pages += 1;
    } while (after !== undefined);
    expect(pages).toBe(4);
    expect(new Set(seen.map(({ sid }) => sid))).toEqual(new Set(made.map(({ sid }) => sid)));
    expect(seen).toHaveLength(7);
    const moments = seen.map(({ createdAtMs }) => createdAtMs);
    expect(moments).toEqual(moments.toSorted((a, b) => b - a));
  });

  it('are listed without a next page when the last one is just full', async () => {
    await create();
    await create();
    expect(await under.store.sessions.list({ limit: 2, nowMs: NOW })).toMatchObject({ next: undefined });
  });

  it('are listed only while they live, and for one person if asked', async () => {
    const kept = await create();
    await create({ sub: 'grace' });
    await create({ expiresAtMs: NOW });
    const { sid } = await create();
    await under.store.sessions.revoke({ sid }, NOW, NOW + DAY);
    const { rows } = await under.store.sessions.list({ sub: 'ada', limit: 10, nowMs: NOW });
    expect(rows.map((row) => row.sid)).toEqual([kept.sid]);
    expect((await under.store.sessions.list({ limit: 10, nowMs: NOW })).rows).toHaveLength(2);
  });

  it('are listed from the start when the cursor is none of ours', async () => {
    await create();
    for (const after of ['', 'nonsense', 'x.y', '1e400.x']) {
      const { rows } = await under.store.sessions.list({ limit: 10, nowMs: NOW, after });
      expect(rows).toHaveLength(1);
    }
  });

  it('end by sid, by sub and all at once, and count each live one once', async () => {
    const [one] = [await create(), await create(), await create({ sub: 'grace' })];
    await create({ expiresAtMs: NOW });
    const revoke = (target: Parameters<typeof under.store.sessions.revoke>[0]) =>
      under.store.sessions.revoke(target, NOW, NOW + DAY);
    expect(await revoke({ sid: 'unknown' })).toBe(0);
    expect(await revoke({ sid: one.sid })).toBe(1);
    expect(await revoke({ sid: one.sid })).toBe(0);
    expect(await revoke({ sub: 'ada' })).toBe(1);
    expect(await revoke({ all: true })).toBe(1);
    expect(await revoke({ all: true })).toBe(0);
    expect((await under.replica.sessions.list({ limit: 10, nowMs: NOW })).rows).toEqual([]);
    expect(await under.store.sessions.find(one.sid)).toMatchObject({ revokedAtMs: NOW });
  });

  it('are counted when they live and have not renewed since a moment', async () => {
    const count = (sinceMs: number) => under.replica.sessions.countNotRenewedSince(sinceMs, NOW);
    expect(await count(NOW)).toBe(0);
    await create({ renewedAtMs: NOW - HOUR });
    await create({ renewedAtMs: NOW - 1 });
    await create({ renewedAtMs: NOW });
    await create({ renewedAtMs: NOW - HOUR, expiresAtMs: NOW });
    const revoked = await create({ renewedAtMs: NOW - HOUR });
    await under.store.sessions.revoke({ sid: revoked.sid }, NOW, NOW + DAY);
    expect([await count(NOW), await count(NOW - MINUTE), await count(NOW + 1)]).toEqual([2, 1, 3]);
  });

  it('leave a revocation for the other replicas when they end, known session or not', async () => {
    await under.store.sessions.revoke({ sid: 'made while the store was away' }, NOW, NOW + DAY);
    const { entries } = await under.replica.revocations.listAfter(undefined, NOW);
    expect(entries).toEqual([
      { target: { sid: 'made while the store was away' }, sinceMs: NOW, untilMs: NOW + DAY },
    ]);
  });

  it('are ended once, however many revoke at once', async () => {
    for (let i = 0; i < 5; i += 1) await create();
    const revocations = Array.from({ length: 8 }, (_, i) =>
      (i % 2 ? under.store : under.replica).sessions.revoke(
        i % 3 ? { sub: 'ada' } : { all: true },
        NOW,
        NOW + DAY,
      ),
    );
    const ended = await Promise.all(revocations);
    expect(ended.reduce((sum, count) => sum + count, 0)).toBe(5);
  });
}
