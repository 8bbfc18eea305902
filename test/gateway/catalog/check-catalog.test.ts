import { describe, expect, it } from 'vitest';
import { catalogProblems } from '../../../scripts/catalog/problems.ts';
import data from '../../../src/gateway/catalog/models.data.json' with { type: 'json' };

type Data = typeof data;
type Model = Data['models'][number];

/** What is found when one model of the real data is changed. */
function problemsWith(id: string, change: (model: Model) => unknown): readonly string[] {
  const models = data.models.map((model) => (model.id === id ? change(structuredClone(model)) : model));
  return catalogProblems({ ...data, models });
}

it('the data of the catalog keeps all the rules', () => {
  expect(catalogProblems(data)).toEqual([]);
});

describe('the check of the catalog names', () => {
  const opus = 'claude-opus-4-8';
  const priced = (change: object) => (model: Model) => ({ ...model, prices: { ...model.prices, ...change } });
  const standard = (change: object) => (model: Model) =>
    priced({ standard: { ...model.prices.standard, ...change } })(model);
  const served = (change: object) => (model: Model) => ({
    ...model,
    providers: { ...model.providers, ...change },
  });

  it.each<[what: string, change: (model: Model) => unknown, problem: string]>([
    ['a price that is missing', standard({ cache_read: undefined }), 'prices.standard.cache_read'],
    ['a price of nothing', standard({ output: 0 }), 'prices.standard.output'],
    [
      'a price out of proportion',
      standard({ cache_write_1h: 9 }),
      'standard.cache_write_1h is 9, and 10 by its input',
    ],
    [
      'a cache read out of proportion',
      standard({ cache_read: 0.25 }),
      'standard.cache_read is 0.25, and 0.5',
    ],
    [
      'batch prices that are not half',
      priced({ batch: { input: 2, output: 12.5 } }),
      'batch prices that are not half',
    ],
    ['batch prices that are missing', priced({ batch: null }), 'has no batch prices'],
    ['prices without a word why', priced({ standard: null, batch: null, fast: null }), 'has no prices'],
    ['a key that nobody reads', (model) => ({ ...model, price: 1 }), 'Unrecognized key'],
    [
      'a source that is missing',
      ({ source: { prices: _, ...source }, ...model }) => ({ ...model, source }),
      'source.prices',
    ],
    [
      'a source of ids that is missing',
      ({ source: { ids: _, ...source }, ...model }) => ({ ...model, source }),
      'source.ids',
    ],
    [
      'fast prices without a source',
      (model) => ({ ...model, source: { ...model.source, fast: undefined } }),
      'source.fast',
    ],
    [
      'a spelling of two models',
      (model) => ({ ...model, aliases: ['claude-opus-5'] }),
      'claude-opus-5 is a spelling of claude-opus-5 as well',
    ],
    ['an id of another family', (model) => ({ ...model, family: 'haiku' }), 'is no id of the family haiku'],
    [
      'a snapshot of another model',
      (model) => ({ ...model, snapshots: ['claude-next'] }),
      'a snapshot claude-next',
    ],
    ['an id that Vertex does not use', served({ vertex: 'claude-opus-4-8@20260101' }), 'on Vertex'],
    [
      'an id that Bedrock does not use',
      served({ bedrock: { baseId: 'claude-opus-4-8', profilePrefixes: [] } }),
      'the Bedrock id claude-opus-4-8',
    ],
    [
      'a profile of nowhere',
      served({ bedrock: { baseId: 'anthropic.claude-opus-4-8', profilePrefixes: ['mars.'] } }),
      'a profile outside',
    ],
    ['an id of mantle that is not its own', served({ mantle: 'anthropic.claude-opus-5' }), 'on mantle'],
  ])('%s', (_what, change, problem) => {
    const found = problemsWith(opus, change);
    expect(found.join('\n')).toContain(problem);
  });

  it('tiers that do not follow one another', () => {
    const [first, second] =
      data.models.find(({ id }) => id === 'claude-haiku-5-5')?.prices.prompt_size_tiers ?? [];
    const gap = { ...second, min_prompt_tokens_exclusive: 200_000 };
    expect(problemsWith('claude-haiku-5-5', priced({ prompt_size_tiers: [first, gap] }))).toEqual([
      'claude-haiku-5-5: its tiers do not follow one another',
    ]);
    expect(problemsWith('claude-haiku-5-5', priced({ prompt_size_tiers: [second, first] }))).toContain(
      'claude-haiku-5-5: its first tier is not the standard price',
    );
  });

  it('an alias that was retired and given to another', () => {
    const retiredAliases = { ...data.retiredAliases, 'claude-opus-4-5': 'claude-opus-4-20250514' };
    expect(catalogProblems({ ...data, retiredAliases })).toEqual([
      'claude-opus-4-5: is retired, and names claude-opus-4-5',
    ]);
  });
});
