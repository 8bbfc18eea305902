import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Claim, createByteShares } from '../../../src/gateway/limits/byte-shares.ts';
import { few } from '../../support/property-runs.ts';

function shares(maxBytes = 100, shareBytes = 40) {
  const all = createByteShares({ maxBytes, shareBytes });
  const granted: string[] = [];
  const holding = (owner: string, bytes: number): Claim => {
    const claim = all.open(owner);
    expect(claim.resize(bytes)).toBe(true);
    return claim;
  };
  const waiting = (owner: string, bytes: number, name: string): Claim => {
    const claim = all.open(owner);
    expect(claim.resize(bytes)).toBe(false);
    claim.wait(bytes, () => granted.push(name));
    return claim;
  };
  return { all, granted, holding, waiting };
}

describe('bytes', () => {
  it('are had at once while there are enough', () => {
    const { all, holding } = shares();
    const claim = holding('a', 40);
    holding('b', 40);
    expect(all.heldBytes).toBe(80);
    claim.close();
    expect(all.heldBytes).toBe(40);
  });

  it('are waited for when there are not, and had when others give back', () => {
    const { all, granted, holding, waiting } = shares();
    const first = holding('a', 40);
    holding('b', 40);
    waiting('c', 30, 'c');
    expect(granted).toEqual([]);
    first.resize(20);
    expect(granted).toEqual(['c']);
    expect(all.heldBytes).toBe(90);
  });

  it('are not taken by who comes later while somebody waits', () => {
    const { granted, holding, waiting } = shares();
    const first = holding('a', 40);
    holding('b', 40);
    waiting('c', 30, 'c');
    waiting('d', 10, 'd');
    first.close();
    expect(granted).toEqual(['c', 'd']);
  });

  it('go to the owners in turn', () => {
    const { granted, holding, waiting } = shares(100, 100);
    const first = holding('x', 100);
    for (const name of ['a1', 'a2', 'a3']) waiting('a', 10, name);
    waiting('b', 10, 'b1');
    waiting('c', 10, 'c1');
    waiting('b', 10, 'b2');
    first.close();
    expect(granted).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
  });

  it('of one owner are no more than its share, and keep no other owner waiting', () => {
    const { granted, holding, waiting } = shares();
    const first = holding('a', 30);
    const second = waiting('a', 20, 'a2');
    expect(second.isKeptOutByShare()).toBe(true);
    const other = shares();
    other.holding('a', 30);
    other.waiting('a', 20, 'a2');
    const passing = other.all.open('b');
    passing.wait(40, () => other.granted.push('b'));
    expect(other.granted).toEqual(['b']);
    first.close();
    expect(granted).toEqual(['a2']);
  });

  it('may be more than a share for the only claim of its owner', () => {
    const { granted, holding, waiting } = shares();
    const large = holding('a', 90);
    const small = waiting('a', 5, 'small');
    expect(small.isKeptOutByShare()).toBe(true);
    large.close();
    waiting('a', 90, 'large again');
    expect(granted).toEqual(['small']);
    small.close();
    expect(granted).toEqual(['small', 'large again']);
  });

  it('go first to who has some already', () => {
    const { granted, holding, waiting } = shares();
    const first = holding('a', 40);
    const growing = holding('b', 10);
    holding('c', 40);
    waiting('d', 20, 'd');
    expect(growing.resize(30)).toBe(false);
    growing.wait(30, () => granted.push('b'));
    first.resize(30);
    expect(granted).toEqual(['b']);
    expect(growing.bytes()).toBe(30);
  });

  it('are not held for who has left the line, or stood in the way of others', () => {
    const { all, granted, holding, waiting } = shares();
    const first = holding('a', 40);
    holding('b', 40);
    const large = waiting('c', 90, 'c');
    waiting('d', 10, 'd');
    expect(granted).toEqual([]);
    large.stopWaiting();
    expect(granted).toEqual(['d']);
    large.close();
    first.close();
    expect(granted).toEqual(['d']);
    expect(all.heldBytes).toBe(50);
  });
});

describe('whatever is asked and given back', () => {
  const MAX = 100;
  const SHARE = 30;
  const step = fc.record({
    claim: fc.nat(9),
    act: fc.constantFrom('resize', 'resize', 'wait', 'wait', 'wait', 'stop', 'close'),
    bytes: fc.integer({ min: 1, max: MAX }),
  });

  it('no bound is passed, nothing that could be had is kept back, and all is served in the end', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const all = createByteShares({ maxBytes: MAX, shareBytes: SHARE });
        const claims = new Map<number, Claim>();
        const wishes = new Map<number, number>();
        const ownerOf = (id: number) => `owner ${id % 4}`;
        for (const { claim: id, act, bytes } of steps) {
          const claim = claims.get(id) ?? all.open(ownerOf(id));
          claims.set(id, claim);
          if (act === 'close') {
            claim.close();
            claims.delete(id);
            wishes.delete(id);
          } else if (act === 'stop') {
            claim.stopWaiting();
            wishes.delete(id);
          } else if (!wishes.has(id)) {
            if (act === 'resize') claim.resize(bytes);
            else if (bytes > claim.bytes()) {
              wishes.set(id, bytes);
              claim.wait(bytes, () => wishes.delete(id));
            }
          }
          checkBounds(all.heldBytes, claims, ownerOf);
          checkNobodyIsForgotten(claims, wishes, all.heldBytes);
        }
        serveTheRest(claims, wishes);
        expect(wishes.size).toBe(0);
        for (const claim of claims.values()) claim.close();
        expect(all.heldBytes).toBe(0);
      }),
      few(2_000),
    );
  });

  function checkBounds(held: number, claims: ReadonlyMap<number, Claim>, ownerOf: (id: number) => string) {
    const byOwner = Map.groupBy(claims, ([id]) => ownerOf(id));
    let sum = 0;
    for (const mine of byOwner.values()) {
      const sizes = mine.map(([, claim]) => claim.bytes()).filter((bytes) => bytes > 0);
      const total = sizes.reduce((a, b) => a + b, 0);
      sum += total;
      if (sizes.length > 1) expect(total).toBeLessThanOrEqual(SHARE);
    }
    expect(sum).toBe(held);
    expect(held).toBeLessThanOrEqual(MAX);
  }

  /** Somebody waits only because of the share of the own session, or because somebody before does not fit. */
  function checkNobodyIsForgotten(
    claims: ReadonlyMap<number, Claim>,
    wishes: ReadonlyMap<number, number>,
    held: number,
  ) {
    const eligible = [...wishes].filter(([id]) => claims.get(id)?.isKeptOutByShare() === false);
    if (eligible.length === 0) return;
    const needs = eligible.map(([id, bytes]) => bytes - (claims.get(id)?.bytes() ?? 0));
    expect(Math.max(...needs)).toBeGreaterThan(MAX - held);
  }

  function serveTheRest(claims: Map<number, Claim>, wishes: Map<number, number>) {
    for (let round = 0; round < 50 && wishes.size > 0; round += 1) {
      for (const [id, claim] of claims) {
        if (!wishes.has(id)) claim.resize(0);
      }
      // Two that have some already may wait for each other: what ends that is that one gives up.
      const [stuck] = [...wishes.keys()].filter((id) => (claims.get(id)?.bytes() ?? 0) > 0);
      if (stuck === undefined || round % 2 === 0) continue;
      claims.get(stuck)?.stopWaiting();
      wishes.delete(stuck);
    }
  }
});
