import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../../src/gateway/policy/canonical-json.ts';
import {
  type Document,
  mergeDesktop,
  mergeDocuments,
  mergeSettings,
} from '../../../src/gateway/policy/documents.ts';
import { servedSettings } from '../../../src/gateway/policy/served-settings.ts';
import { NOTHING_PUSHED } from '../../support/nothing-pushed.ts';
import { many } from '../../support/property-runs.ts';

const rule = fc.constantFrom('WebFetch', 'WebSearch', 'Bash(rm *)', 'Read(./.env)', 'Edit');
const rules = fc.array(rule, { maxLength: 4 });
const server = fc.record({ serverName: fc.constantFrom('x', 'y', 'z') });
const hook = fc.record({ matcher: fc.constantFrom('Bash', 'Edit'), hooks: fc.constant([]) });
const word = fc.constantFrom('1', '2', '');
const words = fc.dictionary(fc.constantFrom('A', 'B', '10', '9', '__proto__', 'constructor'), word, {
  maxKeys: 4,
});
const some = <T>(model: { [Key in keyof T]: fc.Arbitrary<T[Key]> }) =>
  fc.record(model, { requiredKeys: [] }) as fc.Arbitrary<Document>;

const settings = some({
  availableModels: fc.array(fc.constantFrom('opus', 'sonnet'), { maxLength: 2 }),
  permissions: some({ allow: rules, deny: rules, ask: rules, defaultMode: fc.constantFrom('plan', 'auto') }),
  hooks: some({ Stop: fc.array(hook, { maxLength: 2 }), PreToolUse: fc.array(hook, { maxLength: 2 }) }),
  deniedMcpServers: fc.array(server, { maxLength: 3 }),
  disabledMcpjsonServers: rules,
  blockedMarketplaces: fc.array(fc.record({ source: fc.constant('npm'), package: word }), { maxLength: 2 }),
  env: words,
  modelOverrides: words,
  skillOverrides: words,
  sandbox: some({ enabled: fc.boolean(), network: some({ allowedDomains: rules }) }),
  model: fc.constantFrom('opus', 'haiku'),
  additionalMarketplaces: words,
  extraKnownMarketplaces: words,
  unheardOf: fc.jsonValue(),
});
const desktop = some({
  disabledBuiltinTools: rules,
  builtinToolPolicy: fc.dictionary(rule, fc.constantFrom('allow', 'ask'), { maxKeys: 3 }),
  banner: words,
});

const listAt = (document: Document, ...path: readonly string[]): readonly unknown[] => {
  let value: unknown = document;
  for (const step of path) value = Object(value)[step];
  return Array.isArray(value) ? value : [];
};
const UNIONS = [
  ['permissions', 'deny'],
  ['permissions', 'ask'],
  ['hooks', 'Stop'],
  ['hooks', 'PreToolUse'],
  ['deniedMcpServers'],
  ['disabledMcpjsonServers'],
  ['blockedMarketplaces'],
] as const;

/** The same value with the keys of every object in another order. */
function reordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reordered);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, member]) => [key, reordered(member)]),
  );
}

describe('merging settings', () => {
  it('is idempotent, and changes nothing that it is given', () => {
    fc.assert(
      fc.property(settings, settings, (base, own) => {
        const before = JSON.stringify([base, own]);
        const once = mergeSettings(base, own);
        expect(mergeSettings(once, own)).toEqual(once);
        expect(JSON.stringify([base, own])).toBe(before);
      }),
      many(),
    );
  });

  it('never loses what the base denies, asks for or hooks in, and brings what the policy adds', () => {
    fc.assert(
      fc.property(settings, settings, (base, own) => {
        const merged = mergeSettings(base, own);
        for (const path of UNIONS) {
          const entries = listAt(merged, ...path).map(canonicalJson);
          for (const entry of [...listAt(base, ...path), ...listAt(own, ...path)])
            expect(entries).toContain(canonicalJson(entry));
        }
      }),
      many(),
    );
  });

  it('has exactly the models of the one or of the other, and so the tools that need no asking', () => {
    fc.assert(
      fc.property(settings, settings, (base, own) => {
        const merged = mergeSettings(base, own);
        expect(merged['availableModels']).toEqual(own['availableModels'] ?? base['availableModels']);
        const allow = (document: Document) => Object(document['permissions']).allow;
        expect(allow(merged)).toEqual(allow(own) ?? allow(base));
      }),
      many(),
    );
  });

  it('is for the checksum the same whatever the order of keys', () => {
    fc.assert(
      fc.property(settings, settings, (base, own) => {
        const checksum = (one: unknown, other: unknown) =>
          servedSettings(mergeSettings(Object(one), Object(other)), NOTHING_PUSHED)?.checksum;
        expect(checksum(reordered(base), reordered(own))).toBe(checksum(base, own));
      }),
      many(),
    );
  });

  it('is associative, so that several catch-alls mean one thing', () => {
    fc.assert(
      fc.property(settings, settings, settings, (a, b, c) => {
        // A list that only one of two sets stays as written; what counts is what is in it.
        const plain = (document: Document) => canonicalJson(mergeSettings(document, document));
        expect(plain(mergeSettings(mergeSettings(a, b), c))).toBe(
          plain(mergeSettings(a, mergeSettings(b, c))),
        );
      }),
      many(),
    );
  });

  it('keeps what is under one name of a key from being overruled by the base under its other name', () => {
    const base = { strictKnownMarketplaces: ['base'], extraKnownMarketplaces: { base: {} } };
    const own = { allowedMarketplaces: ['own'], additionalMarketplaces: { own: {} } };
    expect(mergeSettings(base, own)).toEqual(own);
    expect(mergeSettings(own, base)).toEqual(base);
    expect(mergeSettings(base, {})).toEqual(base);
  });
});

describe('merging desktop blocks', () => {
  it('is idempotent, loses no tool that is off, and lets nobody out of being asked', () => {
    fc.assert(
      fc.property(desktop, desktop, (base, own) => {
        const merged = mergeDesktop(base, own);
        expect(mergeDesktop(merged, own)).toEqual(merged);
        const off = [...listAt(base, 'disabledBuiltinTools'), ...listAt(own, 'disabledBuiltinTools')];
        expect(listAt(merged, 'disabledBuiltinTools')).toEqual(expect.arrayContaining(off));
        for (const [tool, says] of Object.entries(Object(base['builtinToolPolicy'])))
          if (says === 'ask') expect(Object(merged['builtinToolPolicy'])[tool]).toBe('ask');
      }),
      many(),
    );
  });

  it('opts in where either does', () => {
    const none = { settings: {}, desktop: undefined };
    const empty = { settings: {}, desktop: {} };
    expect(mergeDocuments(none, none).desktop).toBeUndefined();
    expect(mergeDocuments(empty, none).desktop).toEqual({});
    expect(mergeDocuments(none, empty).desktop).toEqual({});
  });
});

describe('canonical JSON', () => {
  it('has the keys of every level in order, integer-like ones first and by number, and no white space', () => {
    const value = { b: [{ d: 1, c: null }], a: '\u00e9 "', 10: true, 9: 0, '01': 1, Z: {}, '-1': 2 };
    expect(canonicalJson(value)).toBe(
      '{"9":0,"10":true,"-1":2,"01":1,"Z":{},"a":"\u00e9 \\"","b":[{"c":null,"d":1}]}',
    );
  });

  it('is what it stands for, whatever the keys are called', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(canonicalJson(JSON.parse(canonicalJson(value)))).toBe(canonicalJson(value));
        expect(canonicalJson(reordered(value))).toBe(canonicalJson(value));
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      many(),
    );
  });
});
