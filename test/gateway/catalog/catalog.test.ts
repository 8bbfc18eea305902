import { describe, expect, it } from 'vitest';
import { builtinModels, spellingsOf } from '../../../src/gateway/catalog/builtin-models.ts';
import {
  type CatalogOptions,
  type CatalogUpstream,
  type ConfiguredModel,
  createCatalog,
} from '../../../src/gateway/catalog/catalog.ts';

const builtin = builtinModels();

const upstream = (changes: Partial<CatalogUpstream> = {}): CatalogUpstream => ({
  name: 'anthropic',
  provider: 'anthropic',
  region: undefined,
  models: undefined,
  ...changes,
});
const bedrock = (region: string | undefined, changes: Partial<CatalogUpstream> = {}) =>
  upstream({ name: 'bedrock', provider: 'bedrock', region, ...changes });
const own = (
  id: string,
  upstreamModel: Record<string, string>,
  changes: Partial<ConfiguredModel> = {},
): ConfiguredModel => ({
  id,
  label: undefined,
  description: undefined,
  upstreamModel,
  ...changes,
});
const catalogOf = (changes: Partial<CatalogOptions> = {}) =>
  createCatalog(
    { upstreams: [upstream()], models: [], includesBuiltin: true, forwardsUnknown: false, ...changes },
    builtin,
  );

describe('the built-in models', () => {
  it('have ids and spellings that name one model each', () => {
    const owners = new Map<string, string>();
    for (const model of builtin.models)
      for (const spelling of spellingsOf(model)) {
        expect(owners.get(spelling.toLowerCase()) ?? model.id, spelling).toBe(model.id);
        owners.set(spelling.toLowerCase(), model.id);
      }
    expect(owners.size).toBeGreaterThan(builtin.models.length * 2);
  });

  it.each(builtin.models.map((model) => [model.id, model] as const))(
    '%s is found by each of its spellings',
    (_id, model) => {
      for (const spelling of spellingsOf(model)) {
        expect(builtin.find(spelling)).toBe(model);
        expect(builtin.find(spelling.toUpperCase())).toBe(model);
      }
      const { baseId, profilePrefixes = [] } = model.providers.bedrock ?? {};
      if (!baseId) return;
      for (const prefix of profilePrefixes) {
        expect(builtin.find(prefix + baseId)).toBe(model);
        expect(
          builtin.find(`arn:aws:bedrock:eu-west-1:123456789012:inference-profile/${prefix}${baseId}`),
        ).toBe(model);
      }
      expect(builtin.find(`arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/${baseId}`)).toBe(model);
    },
  );

  it.each([
    '',
    'claude',
    'opus',
    'claude-opus-4-99',
    'gpt-4',
    'us.',
    'anthropic.',
    '__proto__',
    'constructor',
    'toString',
  ])('do not know %j', (name) => expect(builtin.find(name)).toBeUndefined());

  it('know an alias that was retired by the model it stood for', () => {
    expect(builtin.find('claude-opus-4-0')?.id).toBe('claude-opus-4');
  });
});

describe('a catalog', () => {
  it('lists what some upstream can serve, in the order of the data', () => {
    const served = builtin.models.filter(({ providers }) => providers.anthropic).map(({ id }) => id);
    expect(
      catalogOf()
        .list()
        .map(({ id }) => id),
    ).toEqual(served);
    expect(served).toContain('claude-opus-4-8');
    expect(served).not.toContain('claude-opus-4-1');
    const onVertex = catalogOf({ upstreams: [upstream({ name: 'v', provider: 'vertex' })] }).list();
    expect(onVertex.map(({ id }) => id)).toContain('claude-opus-4-1');
  });

  it('resolves each of its models by each spelling to the same model', () => {
    const catalog = catalogOf({ upstreams: [upstream(), bedrock('us-east-1')] });
    for (const listed of catalog.list())
      for (const spelling of listed.spellings) expect(catalog.resolve(spelling)?.id).toBe(listed.id);
  });

  it.each(['[1m]', '[1M]'])('takes no notice of %s', (mark) => {
    expect(catalogOf().resolve(`claude-opus-4-8${mark}`)).toMatchObject({ id: 'claude-opus-4-8' });
    expect(catalogOf().resolve(`claude-opus-4-8${mark}`)?.upstreamId('anthropic')).toBe('claude-opus-4-8');
    expect(catalogOf().resolve(`claude-opus-4-8${mark}x`)).toBeUndefined();
    expect(catalogOf().resolve(`claude-opus-4-8${mark}${mark}`)).toBeUndefined();
  });

  it('tells what the models endpoint says', () => {
    expect(catalogOf().resolve('claude-opus-4-5')).toMatchObject({
      id: 'claude-opus-4-5',
      displayName: 'Claude Opus 4.5',
      createdAt: '2025-11-01T00:00:00Z',
      maxInputTokens: expect.any(Number),
      maxOutputTokens: expect.any(Number),
      family: 'opus',
    });
    expect(catalogOf().resolve('claude-opus-4-8')?.createdAt).toBe('1970-01-01T00:00:00Z');
  });
});

describe('an unknown model', () => {
  it('is refused', () => {
    expect(catalogOf().resolve('claude-next-9')).toBeUndefined();
  });

  it('goes as it is to upstreams that take the client’s names, where that is wanted', () => {
    const upstreams = [
      upstream(),
      upstream({ name: 'aws', provider: 'anthropicAws' }),
      upstream({ name: 'picky', models: ['claude-opus-*'] }),
      bedrock('us-east-1'),
      upstream({ name: 'v', provider: 'vertex' }),
    ];
    const model = catalogOf({ upstreams, forwardsUnknown: true }).resolve('Claude-Next-9[1m]');
    expect(model).toMatchObject({ id: 'Claude-Next-9', family: undefined, maxInputTokens: null });
    const sent = upstreams.map(({ name }) => model?.upstreamId(name));
    expect(sent).toEqual(['Claude-Next-9', 'Claude-Next-9', undefined, undefined, undefined]);
    expect(catalogOf({ upstreams, forwardsUnknown: true }).list()).toEqual(
      catalogOf({ upstreams })
        .list()
        .map((listed) => expect.objectContaining({ id: listed.id })),
    );
  });

  it('without a name is refused all the same', () => {
    expect(catalogOf({ forwardsUnknown: true }).resolve('[1m]')).toBeUndefined();
  });

  it('is refused when it is longer than a name, unless the operator has written it down', () => {
    const longest = `claude-${'x'.repeat(193)}`;
    const tooLong = `claude-${'x'.repeat(194)}`;
    const own = { id: tooLong, label: undefined, description: undefined, upstreamModel: { anthropic: 'x' } };
    expect(catalogOf({ forwardsUnknown: true }).resolve(`${longest}[1m]`)?.id).toBe(longest);
    expect(catalogOf({ forwardsUnknown: true }).resolve(tooLong)).toBeUndefined();
    expect(catalogOf({ models: [own] }).resolve(tooLong)?.id).toBe(tooLong);
    const arnOf = (region: string) =>
      catalogOf().resolve(`arn:aws:bedrock:${region}:1:inference-profile/us.anthropic.claude-opus-4-8`);
    expect(arnOf('us-east-1')?.id).toBe('claude-opus-4-8');
    expect(arnOf('x'.repeat(200))).toBeUndefined();
  });

  it('is none that the catalog knows, however it is spelt', () => {
    const catalog = catalogOf({ forwardsUnknown: true });
    expect(catalog.resolve('us.anthropic.claude-opus-4-8')?.upstreamId('anthropic')).toBe('claude-opus-4-8');
  });
});

describe('what an upstream calls a model', () => {
  it.each([
    ['us-east-1', 'claude-opus-4-8', 'us.anthropic.claude-opus-4-8'],
    ['eu-central-1', 'claude-opus-4-8', 'eu.anthropic.claude-opus-4-8'],
    ['ap-northeast-1', 'claude-opus-4-8', 'jp.anthropic.claude-opus-4-8'],
    ['ap-northeast-3', 'claude-opus-4-8', 'jp.anthropic.claude-opus-4-8'],
    ['ap-southeast-2', 'claude-opus-4-8', 'au.anthropic.claude-opus-4-8'],
    ['ap-southeast-4', 'claude-opus-4-8', 'au.anthropic.claude-opus-4-8'],
    ['ap-south-1', 'claude-opus-4-6', 'apac.anthropic.claude-opus-4-6-v1'],
    ['ap-south-1', 'claude-opus-4-8', 'global.anthropic.claude-opus-4-8'],
    ['us-gov-west-1', 'claude-opus-4-8', 'global.anthropic.claude-opus-4-8'],
    ['us-gov-west-1', 'claude-opus-4-1', 'anthropic.claude-opus-4-1-20250805-v1:0'],
    ['sa-east-1', 'claude-opus-4-8', 'global.anthropic.claude-opus-4-8'],
    ['eu-west-1', 'claude-fable-5-1', 'anthropic.claude-fable-5-1'],
    [undefined, 'claude-opus-4-8', 'global.anthropic.claude-opus-4-8'],
  ])('in the Bedrock region %s: %s is %s', (region, model, id) => {
    expect(
      catalogOf({ upstreams: [bedrock(region)] })
        .resolve(model)
        ?.upstreamId('bedrock'),
    ).toBe(id);
  });

  it.each([
    ['vertex', 'claude-opus-4-5', 'claude-opus-4-5@20251101'],
    ['vertex', 'claude-opus-4-8', 'claude-opus-4-8'],
    ['foundry', 'claude-opus-4-5', 'claude-opus-4-5'],
    ['mantle', 'claude-haiku-4-5', 'anthropic.claude-haiku-4-5'],
    ['mantle', 'claude-sonnet-4-6', undefined],
    ['anthropicAws', 'claude-opus-4-8', 'claude-opus-4-8'],
    ['anthropic', 'claude-opus-4-1', undefined],
  ] as const)('on %s: %s is %s', (provider, model, id) => {
    const upstreams = [upstream({ name: 'u', provider })];
    expect(catalogOf({ upstreams }).resolve(model)?.upstreamId('u')).toBe(id);
  });

  it('keeps the spelling of the client where the upstream knows it too', () => {
    const sent = (model: string) => catalogOf().resolve(model)?.upstreamId('anthropic');
    expect(sent('claude-opus-4-5')).toBe('claude-opus-4-5');
    expect(sent('claude-opus-4-5-20251101')).toBe('claude-opus-4-5-20251101');
    expect(sent('claude-opus-4-5@20251101')).toBe('claude-opus-4-5');
    expect(sent('CLAUDE-OPUS-4-5')).toBe('claude-opus-4-5');
  });

  it('is nothing at an upstream that does not exist', () => {
    expect(catalogOf().resolve('claude-opus-4-8')?.upstreamId('other')).toBeUndefined();
  });
});

describe('upstreams[].models', () => {
  const takes = (models: string[], model: string) =>
    catalogOf({ upstreams: [upstream({ models })] })
      .resolve(model)
      ?.upstreamId('anthropic') !== undefined;

  it.each([
    [['claude-opus-4-8'], true],
    [['CLAUDE-OPUS-4-8'], true],
    [['claude-opus-4-8[1m]'], true],
    [['anthropic.claude-opus-4-8'], true],
    [['claude-opus-*'], true],
    [['*-4-8'], true],
    [['claude-*-8'], true],
    [['*'], true],
    [['claude-sonnet-*'], false],
    [['claude-opus-4'], false],
    [['claude-opus-4-8*8'], false],
    [[], false],
  ])('%j: takes claude-opus-4-8: %s', (models, isTaken) => {
    expect(takes(models, 'claude-opus-4-8')).toBe(isTaken);
    expect(takes(models, 'us.anthropic.claude-opus-4-8')).toBe(isTaken);
  });
});

describe('models[]', () => {
  const upstreams = [upstream(), bedrock('us-east-1')];

  it('with an id of its own is tried only where it is mapped', () => {
    const catalog = catalogOf({
      upstreams,
      models: [own('house-model', { bedrock: 'arn:aws:bedrock:x' }, { label: 'House', description: 'Ours' })],
    });
    const model = catalog.resolve('House-Model[1m]');
    expect(model).toMatchObject({
      id: 'house-model',
      displayName: 'House',
      description: 'Ours',
      family: undefined,
    });
    expect([model?.upstreamId('anthropic'), model?.upstreamId('bedrock')]).toEqual([
      undefined,
      'arn:aws:bedrock:x',
    ]);
    expect(catalog.list().at(-1)?.id).toBe('house-model');
  });

  it('maps a built-in one in any spelling, and leaves the other upstreams their default', () => {
    for (const id of [
      'claude-opus-4-5',
      'claude-opus-4-5@20251101',
      'anthropic.claude-opus-4-5-20251101-v1:0',
    ]) {
      const catalog = catalogOf({
        upstreams,
        models: [own(id, { bedrock: 'mapped[1m]' }, { label: 'Mine' })],
      });
      for (const spelling of [
        'claude-opus-4-5',
        'claude-opus-4-5-20251101',
        'us.anthropic.claude-opus-4-5-20251101-v1:0',
      ]) {
        const model = catalog.resolve(spelling);
        expect(model).toMatchObject({ id, displayName: 'Mine' });
        expect(model?.upstreamId('bedrock')).toBe('mapped');
        expect(model?.upstreamId('anthropic')).toBe(
          spelling.startsWith('claude-opus-4-5') ? spelling : 'claude-opus-4-5',
        );
      }
      expect(catalog.list().filter(({ displayName }) => displayName === 'Mine')).toHaveLength(1);
    }
  });

  it('is all there is when the built-in models are left out', () => {
    const catalog = catalogOf({
      upstreams,
      includesBuiltin: false,
      models: [own('claude-opus-4-8', {}), own('house-model', { anthropic: 'x' })],
    });
    expect(catalog.list().map(({ id }) => id)).toEqual(['claude-opus-4-8', 'house-model']);
    expect(catalog.resolve('claude-sonnet-4-6')).toBeUndefined();
    expect(catalog.resolve('anthropic.claude-opus-4-8')?.id).toBe('claude-opus-4-8');
    expect(catalog.resolve('claude-opus-4-8')?.upstreamId('bedrock')).toBe('us.anthropic.claude-opus-4-8');
    expect(catalogOf({ includesBuiltin: false }).list()).toEqual([]);
  });

  it('that no upstream can serve is not listed', () => {
    const catalog = catalogOf({ upstreams, models: [own('nowhere', {})] });
    expect(catalog.list().map(({ id }) => id)).not.toContain('nowhere');
  });
});
