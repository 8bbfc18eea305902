import { describe, expect, it } from 'vitest';
import { builtinModels } from '../../../src/gateway/catalog/builtin-models.ts';
import {
  type CatalogUpstream,
  type ConfiguredModel,
  createCatalog,
} from '../../../src/gateway/catalog/catalog.ts';

const builtin = builtinModels();

const upstream = (
  provider: CatalogUpstream['provider'],
  region?: string,
  models?: readonly string[],
): CatalogUpstream => ({ name: provider, provider, region, models });

const everywhere = [
  upstream('anthropic'),
  upstream('bedrock', 'us-east-1'),
  upstream('mantle', 'us-east-1'),
  upstream('anthropicAws', 'us-east-1'),
  upstream('vertex', 'global'),
  upstream('foundry'),
];

const catalogOf = (
  upstreams: readonly CatalogUpstream[],
  models: readonly ConfiguredModel[] = [],
  includesBuiltin = true,
) => createCatalog({ upstreams, models, includesBuiltin, forwardsUnknown: false }, builtin);

const mapped = (id: string, upstreamModel: Readonly<Record<string, string>>): ConfiguredModel => ({
  id,
  label: undefined,
  description: undefined,
  upstreamModel,
});

/** Every way to write a model that a client or an operator may have from one of the providers. */
const written = builtin.models.flatMap((model) => {
  const { baseId, profilePrefixes = [] } = model.providers.bedrock ?? {};
  const profiles = baseId ? profilePrefixes.map((prefix) => prefix + baseId) : [];
  const arns = baseId
    ? [
        `arn:aws:bedrock:us-east-1::foundation-model/${baseId}`,
        `arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/${baseId}`,
        ...profiles.map((id) => `arn:aws:bedrock:eu-west-1:123456789012:inference-profile/${id}`),
      ]
    : [];
  const { vertex, mantle, foundry, anthropic } = model.providers;
  const vertexIds = vertex
    ? [vertex, `${vertex.split('@')[0]}@latest`, `${vertex.split('@')[0]}@default`]
    : [];
  const ids = [model.id, ...model.aliases, ...model.snapshots, baseId, mantle, foundry, anthropic];
  const spellings = [...new Set([...ids, ...profiles, ...arns, ...vertexIds])];
  return spellings.flatMap((spelling) => (spelling ? [[spelling, model.id] as const] : []));
});

describe('every spelling of every model', () => {
  const catalog = catalogOf(everywhere);
  const served = new Set(catalog.list().map(({ id }) => id));

  it('is many', () => {
    expect(written.length).toBeGreaterThan(builtin.models.length * 5);
  });

  it.each(written)('%s is %s, in any case and with the mark of the long context', (spelling, id) => {
    for (const text of [spelling, spelling.toUpperCase(), `${spelling}[1m]`, `${spelling}[1M]`])
      expect(catalog.resolve(text)?.id).toBe(catalog.resolve(id)?.id);
    expect(builtin.find(spelling)?.id).toBe(id);
  });

  it.each(written)('%s goes to each cloud as that cloud calls %s', (spelling, id) => {
    const ids = (text: string) =>
      ['bedrock', 'mantle', 'vertex', 'foundry'].map((name) => catalog.resolve(text)?.upstreamId(name));
    expect(ids(spelling)).toEqual(ids(id));
  });

  it.each(written)('%s has the mapping of %s', (spelling, id) => {
    const models = [mapped(id, { bedrock: 'arn:aws:bedrock:us-east-1:1:application-inference-profile/x' })];
    const model = catalogOf(everywhere, models).resolve(spelling);
    expect(model?.upstreamId('bedrock')).toBe('arn:aws:bedrock:us-east-1:1:application-inference-profile/x');
    expect(model?.upstreamId('vertex')).toBe(catalog.resolve(id)?.upstreamId('vertex'));
  });

  it.each(written)('%s is taken by an upstream that takes %s', (spelling, id) => {
    const takes = (entry: string) =>
      catalogOf([upstream('bedrock', 'us-east-1', [entry]), upstream('anthropic'), upstream('vertex')])
        .resolve(spelling)
        ?.upstreamId('bedrock') !== undefined;
    expect(takes(id)).toBe(catalog.resolve(id)?.upstreamId('bedrock') !== undefined);
    expect(takes('claude-next-*')).toBe(false);
  });

  it('leads to an upstream, where any serves the model', () => {
    const orphans = builtin.models.filter(({ id }) => !served.has(id));
    for (const { providers } of orphans)
      expect(Object.values(providers).filter((id) => id !== null)).toEqual([]);
  });
});

describe('a Bedrock profile', () => {
  const regions = [
    ['us-east-1', 'us.'],
    ['us-gov-east-1', 'us-gov.'],
    ['eu-north-1', 'eu.'],
    ['ap-northeast-1', 'jp.'],
    ['ap-northeast-3', 'jp.'],
    ['ap-northeast-2', 'apac.'],
    ['ap-southeast-2', 'au.'],
    ['ap-southeast-4', 'au.'],
    ['ap-southeast-1', 'apac.'],
    ['ca-central-1', undefined],
    ['sa-east-1', undefined],
  ] as const;
  const cases = builtin.models.flatMap((model) =>
    regions.map(([region, prefix]) => [model, region, prefix] as const),
  );

  it.each(cases)(
    '$id in %s is of the geography where the catalog has it, else global, else none',
    (model, region, prefix) => {
      const id = catalogOf([upstream('bedrock', region)])
        .resolve(model.id)
        ?.upstreamId('bedrock');
      const { baseId, profilePrefixes = [] } = model.providers.bedrock ?? {};
      const has = (wanted: string | undefined) => wanted !== undefined && profilePrefixes.includes(wanted);
      const expected = has(prefix) ? prefix : has('global.') ? 'global.' : '';
      expect(id).toBe(baseId === undefined ? undefined : `${expected}${baseId}`);
    },
  );
});

describe('an application inference profile', () => {
  const arn = 'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/AbC123';
  const upstreams = [upstream('bedrock', 'us-east-1'), upstream('anthropic')];

  it('is known by the model that is mapped to it', () => {
    const catalog = catalogOf(upstreams, [mapped('claude-opus-4-8', { bedrock: arn })]);
    for (const text of [arn, arn.toLowerCase(), `${arn}[1m]`]) {
      const model = catalog.resolve(text);
      expect(model).toMatchObject({ id: 'claude-opus-4-8', family: 'opus' });
      expect(model?.upstreamId('bedrock')).toBe(arn);
      expect(model?.upstreamId('anthropic')).toBe('claude-opus-4-8');
    }
    expect(catalog.resolve('claude-opus-4-8')?.spellings).toContain(arn.toLowerCase());
  });

  it('of a model of the house serves that one', () => {
    const catalog = catalogOf(upstreams, [mapped('house', { bedrock: arn })], false);
    expect(catalog.resolve(arn)?.id).toBe('house');
    expect(catalog.resolve(arn)?.upstreamId('anthropic')).toBeUndefined();
  });

  it('that nobody or more than one maps to is unknown', () => {
    expect(catalogOf(upstreams).resolve(arn)).toBeUndefined();
    const two = [mapped('claude-opus-4-8', { bedrock: arn }), mapped('house', { bedrock: arn })];
    expect(catalogOf(upstreams, two).resolve(arn)).toBeUndefined();
  });

  it('is not what an ARN is that names a model itself', () => {
    const sonnet = 'arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-sonnet-4-6';
    const catalog = catalogOf(upstreams, [mapped('claude-opus-4-8', { bedrock: sonnet })]);
    expect(catalog.resolve(sonnet)?.id).toBe('claude-sonnet-4-6');
    expect(catalog.resolve('claude-opus-4-8')?.upstreamId('bedrock')).toBe(sonnet);
  });
});
