import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { checkConfig } from '../src/config/check.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { builtinModels } from '../src/gateway/catalog/builtin-models.ts';
import { createCatalog } from '../src/gateway/catalog/catalog.ts';
import { createAllowListJudge } from '../src/gateway/doors/judge-allow-list.ts';
import { providerSettings } from '../src/gateway/doors/provider-settings.ts';
import { catalogOptions } from '../src/gateway/doors/settings.ts';

const page = readFileSync(fileURLToPath(new URL('../docs/upstreams.md', import.meta.url)), 'utf8');

/** Each recipe with the heading that it stands under; the first is the file that the others are put into. */
const [base = '', ...recipes] = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text);

const env = {
  OIDC_CLIENT_ID: 'sallyport',
  OIDC_CLIENT_SECRET: 'idp',
  SALLYPORT_JWT_SECRET: 'n0TUx9tPRcZQbOcUJRHdkWhHkWbiX0bkgVQW5FJmJ1s',
  DATABASE_URL: 'postgres://sallyport@db.corp.example.com/sallyport?sslmode=verify-full',
  ANTHROPIC_API_KEY: 'key',
  HOUSE_KEY: 'key',
  ANTHROPIC_FOUNDRY_API_KEY: 'key',
  SALLYPORT_EXTERNAL_ID: 'external',
};

function checked(text: string) {
  const inputs = { env, readFile: () => '', judgeAllowList: createAllowListJudge() };
  return checkConfig({ name: 'upstreams.md', text }, inputs);
}

function configOf(recipe: string) {
  const result = checked(stringify({ ...parse(base), ...parse(recipe) }));
  if (result.kind !== 'valid') throw new Error(JSON.stringify(result));
  return result;
}

describe('docs/upstreams.md', () => {
  it('begins with a whole file', () => {
    expect(checked(base)).toMatchObject({ kind: 'valid', warnings: [] });
  });

  it.each(recipes)('has recipes that load without a warning: %#', (recipe) => {
    const { config, warnings } = configOf(recipe);
    expect(warnings).toEqual([]);
    for (const upstream of config.upstreams)
      expect(providerSettings(upstream, readEnvironment({}).aws).kind).toBe(upstream.provider);
    const catalog = createCatalog(catalogOptions(config), builtinModels());
    for (const { name } of config.upstreams)
      expect(catalog.list().filter(({ upstreamId }) => upstreamId(name) !== undefined)).not.toEqual([]);
  });

  it('has one for every provider', () => {
    const told = recipes.flatMap((recipe) =>
      configOf(recipe).config.upstreams.map(({ provider }) => provider),
    );
    expect(new Set(told)).toEqual(
      new Set(['anthropic', 'bedrock', 'mantle', 'anthropicAws', 'vertex', 'foundry']),
    );
  });

  it('maps models to where the text says', () => {
    const mapped = recipes.flatMap((recipe) => {
      const { config } = configOf(recipe);
      const catalog = createCatalog(catalogOptions(config), builtinModels());
      return config.models.flatMap(({ id, upstream_model: ids }) =>
        Object.entries(ids).map(([name, upstreamId]) => [catalog.resolve(id)?.upstreamId(name), upstreamId]),
      );
    });
    expect(mapped.length).toBeGreaterThan(2);
    for (const [sent, written] of mapped) expect(sent).toBe(written);
  });
});
