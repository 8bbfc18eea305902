import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rankFor, type Weighted } from '../../../src/gateway/upstream/rendezvous.ts';
import { few } from '../../support/property-runs.ts';

const member = (name: string, weight = 1): Weighted => ({ name, weight });
const keys = Array.from({ length: 4_000 }, (_, i) => `conversation ${i}`);
const homeOf = (key: string, members: readonly Weighted[]) => rankFor(key, members)[0]?.name;
const shareOf = (name: string, members: readonly Weighted[]) =>
  keys.filter((key) => homeOf(key, members) === name).length / keys.length;

const someMembers = fc
  .uniqueArray(fc.string({ minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 8 })
  .chain((names) =>
    fc.tuple(...names.map((name) => fc.integer({ min: 1, max: 1_000_000 }).map((w) => member(name, w)))),
  );

describe('the order of equal upstreams', () => {
  it('is the same each time, holds each of them once, and does not depend on the list', () => {
    fc.assert(
      fc.property(fc.string(), someMembers, (key, members) => {
        const ranked = rankFor(key, members);
        expect(ranked).toHaveLength(members.length);
        expect(new Set(ranked)).toEqual(new Set(members));
        expect(rankFor(key, members.toReversed())).toEqual(ranked);
      }),
      few(2_000),
    );
  });

  it('keeps all others in their order when one comes or goes', () => {
    fc.assert(
      fc.property(fc.string(), someMembers, fc.nat(), (key, members, which) => {
        const gone = members[which % members.length];
        const others = members.filter((other) => other !== gone);
        expect(rankFor(key, members).filter((other) => other !== gone)).toEqual(rankFor(key, others));
      }),
      few(2_000),
    );
  });

  it('changes for keys of the heavier one only when a weight grows', () => {
    fc.assert(
      fc.property(fc.string(), someMembers, fc.nat(), (key, members, which) => {
        const at = which % members.length;
        const heavier = members.map((m, i) => (i === at ? { ...m, weight: m.weight * 2 } : m));
        const [before, after] = [homeOf(key, members), homeOf(key, heavier)];
        if (before !== after) expect(after).toBe(members[at]?.name);
      }),
      few(2_000),
    );
  });

  it('gives each its share by weight', () => {
    const members = [member('a', 1), member('b', 3), member('c', 6)];
    expect(shareOf('a', members)).toBeCloseTo(0.1, 1);
    expect(shareOf('b', members)).toBeCloseTo(0.3, 1);
    expect(shareOf('c', members)).toBeCloseTo(0.6, 1);
    expect(shareOf('a', [member('a', 1), member('b', 99)])).toBeLessThan(0.03);
  });

  it('shares out the keys of one that cools down by weight as well', () => {
    const members = [member('a', 1), member('b', 1), member('c', 3)];
    const ofA = keys.filter((key) => homeOf(key, members) === 'a');
    const toC = ofA.filter((key) => rankFor(key, members)[1]?.name === 'c');
    expect(toC.length / ofA.length).toBeGreaterThan(0.65);
    expect(toC.length / ofA.length).toBeLessThan(0.85);
  });
});
