import { describe, expect, it } from 'vitest';
import { builtinModels } from '../../../src/gateway/catalog/builtin-models.ts';
import { createCatalog } from '../../../src/gateway/catalog/catalog.ts';
import { isAllowed, type ModelRules, modelRulesOf } from '../../../src/gateway/policy/allow-list.ts';

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

describe('a denial', () => {
  const mapped = (id: string, upstreamModel: string) => ({
    ...house,
    id,
    upstreamModel: { anthropic: upstreamModel },
  });
  const forwarding = createCatalog(
    {
      upstreams,
      models: [
        mapped('best', 'claude-opus-4-8'),
        mapped('newest', 'us.anthropic.claude-opus-4-9-v1:0'),
        mapped('small', 'claude-haiku-4-5'),
      ],
      includesBuiltin: true,
      forwardsUnknown: true,
    },
    builtin,
  );
  const passes = (name: string, denied: string) => {
    const model = forwarding.resolve(name);
    return model && isAllowed(model, rules(undefined, [denied]), (entry) => forwarding.resolve(entry)?.id);
  };

  it.each([
    ['opus', 'claude-3-opus-20240229'],
    ['opus', 'us.anthropic.claude-opus-4-9'],
    ['opus', 'anthropic.claude-opus-9-v1:0'],
    ['opus', 'anthropic/claude-opus-4-8'],
    ['opus', ' claude-opus-4-8'],
    ['opus', 'claude-opus-4-8\n'],
    ['claude-opus', 'Anthropic/Claude-Opus-4.9'],
    ['opus-4-9', 'anthropic.claude-opus-4-9'],
    ['claude-opus-4-9', 'arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-4-9-v1:0'],
    ['us.anthropic.claude-opus-4-9-v1:0', 'claude-opus-4-9'],
    ['claude-opus-4-0', ' claude-opus-4-20250514'],
    ['opus', 'best'],
    ['claude-opus-4-8', 'best'],
    ['opus', 'newest'],
    ['opus-4-9', 'newest'],
  ])('of %j counts for %j too', (denied, name) => {
    expect(passes(name, denied)).toBe(false);
  });

  it.each([
    ['opus', 'claude-sonnet-9'],
    ['opus', 'claude-opusculum-1'],
    ['opus-4-8', 'anthropic/claude-opus-4-80'],
    ['opus-4-8', 'anthropic/claude-opus-4-9'],
    ['opus', 'small'],
    ['claude', 'anthropic/claude-opus-4-9'],
    ['', 'anthropic/claude-opus-4-9'],
    ['*', 'anthropic/claude-opus-4-9'],
    ['anthropic/', 'anthropic/claude-opus-4-9'],
  ])('of %j leaves %j alone', (denied, name) => {
    expect(passes(name, denied)).toBe(true);
  });

  it('counts for a model that is built in and not offered', () => {
    const others = createCatalog(
      { upstreams, models: [], includesBuiltin: false, forwardsUnknown: true },
      builtin,
    );
    const model = others.resolve('claude-opus-4-0');
    expect(model && isAllowed(model, rules(undefined, ['claude-opus-4-20250514']), () => undefined)).toBe(
      false,
    );
  });
});

describe('the rules of a settings document', () => {
  it('are its three keys about models', () => {
    const settings = { model: 'opus', availableModels: ['opus'], availableModelsMatch: 'exact' };
    expect(modelRulesOf({ ...settings, deniedModels: ['haiku'] })).toEqual(
      rules(['opus'], ['haiku'], 'exact'),
    );
    expect(modelRulesOf({})).toEqual(rules());
    expect(modelRulesOf({ availableModels: [] })).toEqual(rules([]));
  });

  it('allow nothing where there should be a list', () => {
    expect(modelRulesOf({ availableModels: 'opus' })).toEqual(rules([]));
  });
});
