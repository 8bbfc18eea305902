import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { builtinModels } from '../../../src/gateway/catalog/builtin-models.ts';
import { createCatalog } from '../../../src/gateway/catalog/catalog.ts';
import { isAllowed, type ModelRules, mergeModelRules } from '../../../src/gateway/policy/allow-list.ts';
import { many } from '../../support/property-runs.ts';

const upstreams = (['anthropic', 'bedrock', 'vertex'] as const).map((provider) => ({
  name: provider,
  provider,
  region: undefined,
  models: undefined,
}));
const house = {
  id: 'House-Model',
  label: undefined,
  description: undefined,
  upstreamModel: { anthropic: 'x' },
};
const builtin = builtinModels();
const catalog = createCatalog(
  { upstreams, models: [house], includesBuiltin: true, forwardsUnknown: false },
  builtin,
);
const idOf = (entry: string) => catalog.resolve(entry)?.id;

const rules = (
  availableModels?: string[],
  deniedModels?: string[],
  availableModelsMatch?: string,
): ModelRules => ({
  availableModels,
  availableModelsMatch,
  deniedModels,
});
/** The ids that are allowed, of a few that say much. */
const SHOWN = [
  'claude-opus-5',
  'claude-opus-4-8',
  'claude-opus-4-5',
  'claude-opus-4',
  'claude-sonnet-4-6',
  'claude-haiku-4-5',
  'House-Model',
];
const allowed = (given: ModelRules) =>
  catalog
    .list()
    .filter((model) => SHOWN.includes(model.id) && isAllowed(model, given, idOf))
    .map(({ id }) => id);

describe('an entry of availableModels', () => {
  it.each<[string, string[]]>([
    ['opus', ['claude-opus-5', 'claude-opus-4-8', 'claude-opus-4-5', 'claude-opus-4']],
    ['OPUS', ['claude-opus-5', 'claude-opus-4-8', 'claude-opus-4-5', 'claude-opus-4']],
    ['claude-opus', ['claude-opus-5', 'claude-opus-4-8', 'claude-opus-4-5', 'claude-opus-4']],
    ['sonnet', ['claude-sonnet-4-6']],
    ['haiku', ['claude-haiku-4-5']],
    ['opus-4-8', ['claude-opus-4-8']],
    ['claude-opus-4-8', ['claude-opus-4-8']],
    ['Claude-Opus-4-8[1M]', ['claude-opus-4-8']],
    [' claude-opus-4-8 ', ['claude-opus-4-8']],
    ['opus-4', ['claude-opus-4-8', 'claude-opus-4-5', 'claude-opus-4']],
    ['claude-opus-4', ['claude-opus-4-8', 'claude-opus-4-5', 'claude-opus-4']],
    ['opus-5', ['claude-opus-5']],
    ['opus-4-5', ['claude-opus-4-5']],
    ['claude-opus-4-5-20251101', ['claude-opus-4-5']],
    ['claude-opus-4-5@20251101', ['claude-opus-4-5']],
    ['anthropic.claude-opus-4-8', ['claude-opus-4-8']],
    ['us.anthropic.claude-opus-4-5-20251101-v1:0', ['claude-opus-4-5']],
    ['global.anthropic.claude-opus-4-8', ['claude-opus-4-8']],
    [
      'arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-haiku-4-5-20251001-v1:0',
      ['claude-haiku-4-5'],
    ],
    ['claude-opus-4-0', ['claude-opus-4']],
    ['house-model', ['House-Model']],
    ['House-Model', ['House-Model']],
    ['house', ['House-Model']],
    ['opus-4-', []],
    ['opus-4-80', []],
    ['pus', []],
    ['us', []],
    ['claude', []],
    ['claude-', []],
    ['*', []],
    ['', []],
    ['[1m]', []],
    ['default', []],
    ['undefined', []],
    ['claude-undefined', []],
  ])('%j allows %j', (entry, ids) => {
    expect(allowed(rules([entry])).sort()).toEqual(ids.toSorted());
  });

  it('in full, in any spelling, allows its model: exact or not', () => {
    for (const model of catalog.list())
      for (const spelling of model.spellings)
        for (const match of [undefined, 'prefix', 'exact']) {
          expect(isAllowed(model, rules([spelling], undefined, match), idOf), `${spelling} ${match}`).toBe(
            true,
          );
        }
  });

  it('names nothing that is in no catalog, unless it is a prefix of it', () => {
    const forwarding = createCatalog(
      { upstreams, models: [], includesBuiltin: true, forwardsUnknown: true },
      builtin,
    );
    const unknown = forwarding.resolve('claude-opus-9');
    const judge = (entry: string) =>
      unknown && isAllowed(unknown, rules([entry]), (text) => forwarding.resolve(text)?.id);
    expect(['opus', 'opus-9', 'claude-opus-9', 'claude-opus'].map(judge)).toEqual([true, true, true, true]);
    expect(['sonnet', 'claude-undefined', 'undefined', 'opus-8', 'claude'].map(judge)).toEqual([
      false,
      false,
      false,
      false,
      false,
    ]);
  });
});

describe('the rules of a policy', () => {
  it('without a list allow everything, with an empty one nothing', () => {
    expect(allowed(rules())).toHaveLength(SHOWN.length);
    expect(allowed(rules([]))).toEqual([]);
  });

  it('with availableModelsMatch: exact keep full ids only', () => {
    expect(allowed(rules(['opus', 'claude-opus', 'opus-4', 'opus-4-8'], undefined, 'exact'))).toEqual([]);
    expect(allowed(rules(['claude-opus-4'], undefined, 'exact'))).toEqual(['claude-opus-4']);
    expect(allowed(rules(['claude-opus-4-8[1m]', 'house-model'], undefined, 'exact')).sort()).toEqual([
      'House-Model',
      'claude-opus-4-8',
    ]);
    expect(allowed(rules(['claude-opus-4'], undefined, 'prefix'))).toHaveLength(3);
  });

  it('apply deniedModels last', () => {
    expect(allowed(rules(['opus'], ['opus-4-5', 'claude-opus-4-0']))).toEqual([
      'claude-opus-5',
      'claude-opus-4-8',
    ]);
    expect(allowed(rules(['claude-opus-4-8'], ['opus']))).toEqual([]);
    expect(allowed(rules(undefined, ['opus', 'House-Model'])).sort()).toEqual([
      'claude-haiku-4-5',
      'claude-sonnet-4-6',
    ]);
    expect(allowed(rules(['opus'], []))).toHaveLength(4);
  });

  it('deny a family also where the allowed ones are full ids only', () => {
    expect(allowed(rules(['claude-opus-4-8', 'claude-sonnet-4-6'], ['opus'], 'exact'))).toEqual([
      'claude-sonnet-4-6',
    ]);
  });
});

const entry = fc.constantFrom(
  'opus',
  'sonnet',
  'haiku',
  'opus-4',
  'claude-opus-4-8',
  'claude-haiku-4-5[1m]',
  'house-model',
  'nothing',
  '',
);
const list = fc.option(fc.array(entry, { maxLength: 4 }), { nil: undefined });
const anyRules: fc.Arbitrary<ModelRules> = fc.record({
  availableModels: list,
  availableModelsMatch: fc.constantFrom(undefined, 'prefix', 'exact'),
  deniedModels: list,
});
const NONE = rules();

describe('merging rules', () => {
  it('takes each key from the policy where it sets it, and otherwise from the base', () => {
    const base = rules(['opus'], ['opus-5'], 'exact');
    expect(mergeModelRules(base, NONE)).toEqual(base);
    expect(mergeModelRules(base, rules(['sonnet']))).toEqual(rules(['sonnet'], ['opus-5'], 'exact'));
    expect(mergeModelRules(base, rules([]))).toEqual(rules([], ['opus-5'], 'exact'));
    expect(mergeModelRules(base, rules(undefined, ['haiku'], 'prefix'))).toEqual(
      rules(['opus'], ['haiku'], 'prefix'),
    );
  });

  it('is idempotent, associative, and changes nothing that it is given', () => {
    fc.assert(
      fc.property(anyRules, anyRules, anyRules, (a, b, c) => {
        const before = JSON.stringify([a, b, c]);
        expect(mergeModelRules(a, a)).toEqual(a);
        expect(mergeModelRules(mergeModelRules(a, b), b)).toEqual(mergeModelRules(a, b));
        expect(mergeModelRules(mergeModelRules(a, b), c)).toEqual(mergeModelRules(a, mergeModelRules(b, c)));
        expect(mergeModelRules(a, NONE)).toEqual(a);
        expect(mergeModelRules(NONE, a)).toEqual(a);
        expect(JSON.stringify([a, b, c])).toBe(before);
      }),
      many(),
    );
  });

  it('has exactly the list of the one or of the other', () => {
    fc.assert(
      fc.property(anyRules, anyRules, (base, own) => {
        const { availableModels } = mergeModelRules(base, own);
        expect(availableModels).toBe(own.availableModels ?? base.availableModels);
      }),
      many(),
    );
  });

  it('never loses what the base denies, unless the policy sets the key itself', () => {
    fc.assert(
      fc.property(anyRules, anyRules, (base, own) => {
        const merged = mergeModelRules(base, { ...own, deniedModels: undefined });
        const deniedByBase = catalog
          .list()
          .filter((model) => !isAllowed(model, { ...NONE, deniedModels: base.deniedModels }, idOf));
        for (const model of deniedByBase) expect(isAllowed(model, merged, idOf)).toBe(false);
      }),
      many(),
    );
  });

  it('allows no more for each entry that is denied', () => {
    fc.assert(
      fc.property(anyRules, entry, (given, denied) => {
        const stricter = { ...given, deniedModels: [...(given.deniedModels ?? []), denied] };
        for (const id of allowed(stricter)) expect(allowed(given)).toContain(id);
      }),
      many(),
    );
  });
});
