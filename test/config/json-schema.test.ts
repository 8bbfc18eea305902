// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { checkConfig } from '../../src/config/check.ts';
import { gatewayJsonSchema } from '../../src/config/json-schema.ts';
import { DESKTOP_KEY, MACHINE_SETTING, OTHER_SETTING } from '../../src/config/json-schema-settings.ts';
import { few } from '../support/property-runs.ts';

const schema: Schema = gatewayJsonSchema();
const isValid = new Ajv2020({ strict: true, strictTypes: false, allErrors: true }).compile(schema);

const minimal = {
  listen: { public_url: 'https://gateway.example.com' },
  oidc: { issuer: 'https://login.example.com', client_id: 'sallyport', client_secret: '${OIDC_SECRET}' },
  session: { jwt_secret: '${JWT_SECRET}' },
  store: { embedded: '/var/lib/sallyport' },
  upstreams: [{ provider: 'anthropic', auth: { api_key: '${API_KEY}' } }],
};

/** What each provider needs beside its name. */
const upstreamOf: Readonly<Record<string, object>> = {
  anthropic: { auth: { api_key: 'k' } },
  bedrock: { region: 'us-east-1' },
  mantle: { region: 'us-east-1', models: ['claude-opus-*'] },
  anthropicAws: { region: 'us-east-1', workspace_id: 'wrkspc_01' },
  vertex: { region: 'global', project_id: 'acme-ai' },
  foundry: { resource: 'acme', auth: { api_key: 'k' } },
};

const env = {
  OIDC_SECRET: 'the-secret-of-the-identity-provider',
  JWT_SECRET: 'n0TUx9tPRcZQbOcUJRHdkWhHkWbiX0bkgVQW5FJmJ1s',
  OLD_SECRET: 'Zk3uVnq0bXvB2mJtYcR8wPfLhD5sAeGi',
  API_KEY: 'key',
  PORT: '8443',
  ON: 'true',
  WORD: 'forward',
};

/** Paths of what the loader finds wrong. */
function loaderErrors(value: unknown): readonly string[] {
  const readFile = () => {
    throw new Error('no file');
  };
  const checked = checkConfig({ name: 'gateway.yaml', text: stringify(value) }, { env, readFile });
  const problems = checked.kind === 'invalid' ? checked.problems : [];
  return problems.filter(({ severity }) => severity === 'error').map(({ path }) => path);
}

describe('the schema of gateway.yaml', () => {
  it.each([
    ['the least', {}],
    ['variables for a number', { listen: { ...minimal.listen, port: '${PORT}' } }],
    ['variables for a boolean', { oidc: { ...minimal.oidc, use_pkce: '${ON}' } }],
    ['a variable for one of several words', { unknown_models: '${WORD}' }],
    ['a list of secrets', { session: { jwt_secret: ['${JWT_SECRET}', '${OLD_SECRET}'], ttl_hours: 0.5 } }],
    ['a claim as a list', { oidc: { ...minimal.oidc, email_claim: ['email', 'upn'] } }],
    [
      'parameters of any plain kind',
      { oidc: { ...minimal.oidc, extra_auth_params: { a: 1, b: true, c: 'd' } } },
    ],
    [
      'a policy with settings of the client',
      { managed: { policies: [{ match: {}, cli: { availableModels: ['opus'], env: { A: '1' } } }] } },
    ],
    [
      'a setting that nobody knows when told to',
      { managed: { unknown_keys: 'warn', policies: [{ match: {}, code: { tomorrow: 1 } }] } },
    ],
    [
      'a desktop block, also with keys that nobody knows',
      { managed: { policies: [{ match: {}, desktop: { disableAutoUpdates: '${ON}', tomorrow: 1 } }] } },
    ],
    ['limits', { limits: { max_request_bytes: 1024 }, rate_limits: { device_verify: { max: 3 } } }],
  ])('accepts, as the loader does, %s', (_what, change) => {
    const value = { ...minimal, ...change };
    expect(loaderErrors(value)).toEqual([]);
    expect(isValid(value), JSON.stringify(isValid.errors)).toBe(true);
  });

  it.each([
    ['an unknown section', { lisen: {} }],
    ['a missing one', { oidc: undefined }],
    ['a number out of range', { listen: { ...minimal.listen, port: 70_000 } }],
    ['a number in quotes', { listen: { ...minimal.listen, port: '8080' } }],
    ['a text for a boolean', { oidc: { ...minimal.oidc, use_pkce: 'yes' } }],
    ['a word that is not one of the words', { unknown_models: 'ignore' }],
    ['an empty list of upstreams', { upstreams: [] }],
    ['a map for a list', { upstreams: {} }],
    ['a section without a value', { session: null }],
    ['a setting that nobody knows', { managed: { policies: [{ match: {}, cli: { tomorrow: 1 } }] } }],
    ['a setting of another type', { managed: { policies: [{ match: {}, cli: { env: [] } }] } }],
    ['an empty list of secrets', { session: { jwt_secret: [] } }],
  ])('refuses, as the loader does, %s', (_what, change) => {
    const value = JSON.parse(JSON.stringify({ ...minimal, ...change }));
    expect(loaderErrors(value)).not.toEqual([]);
    expect(isValid(value)).toBe(false);
  });

  it('refuses an unknown key wherever the loader does, at every level', () => {
    const sections = closedSections(schema, []);
    expect(sections.length).toBeGreaterThan(20);
    fc.assert(
      fc.property(
        fc.constantFrom(...sections),
        fc.stringMatching(/^[a-z]{3,9}_[a-z]{3,9}$/),
        (path, unknown) => {
          const value = withKey(minimal, path, unknown);
          const where = [...path, unknown].join('.').replaceAll('.0', '[0]');
          expect(loaderErrors(value)).toContain(where);
          isValid(value);
          const refused = (isValid.errors ?? [])
            .filter(({ keyword }) => keyword === 'additionalProperties')
            .map(({ params }) => params['additionalProperty']);
          expect(refused).toContain(unknown);
        },
      ),
      few(1_000),
    );
  });

  it.each(Object.entries(upstreamOf))(
    'knows the keys of the provider %s, and of no other',
    (provider, keys) => {
      const withUpstream = (more: object) => ({ ...minimal, upstreams: [{ provider, ...keys, ...more }] });
      expect(loaderErrors(withUpstream({}))).toEqual([]);
      expect(isValid(withUpstream({})), JSON.stringify(isValid.errors)).toBe(true);
      const own = new Set(schemaKeysOf(provider));
      const foreign = Object.keys(upstreamOf)
        .flatMap(schemaKeysOf)
        .filter((key) => !own.has(key));
      expect(foreign.length).toBeGreaterThan(2);
      for (const key of [...foreign, 'nonsense']) {
        expect(loaderErrors(withUpstream({ [key]: 'a' }))).toContain(`upstreams[0].${key}`);
        expect(isValid(withUpstream({ [key]: 'a' })), key).toBe(false);
      }
      expect(isValid(withUpstream({ auth: { nonsense: 1 } }))).toBe(false);
    },
  );

  it('leaves an upstream to the loader whose provider comes from a variable', () => {
    expect(isValid({ ...minimal, upstreams: [{ provider: '${WORD}', region: 'x' }] })).toBe(true);
    expect(isValid({ ...minimal, upstreams: [{ provider: 'openai' }] })).toBe(false);
  });

  it('explains every key, and shows a value of each', () => {
    const keys = everyKey();
    const silent = keys.filter(({ member }) => !member.title || !member.description || !hasValue(member));
    expect(silent.map(({ path }) => path)).toEqual([]);
  });

  it('shows only examples and defaults that it accepts', () => {
    const shown = everyKey().flatMap(({ path, member }) =>
      [...(member.examples ?? []), ...('default' in member ? [member.default] : [])].map((value) => ({
        path,
        member,
        value,
      })),
    );
    const ajv = new Ajv2020({ strict: true, strictTypes: false });
    const refused = shown.filter(
      ({ member, value }) => !ajv.validate({ ...member, $defs: schema.$defs }, value),
    );
    expect(refused.map(({ path, value }) => `${path}: ${JSON.stringify(value)}`)).toEqual([]);
    expect(shown.length).toBeGreaterThan(60);
  });

  it('marks secrets, so that nothing shows them', () => {
    const secrets = keysOf(schema, '')
      .filter(({ member }) => JSON.stringify(member).includes('"writeOnly":true') && !member.properties)
      .map(({ path }) => path);
    expect(secrets).toEqual(
      expect.arrayContaining([
        'oidc.client_secret',
        'session.jwt_secret',
        'store.postgres_url',
        'store.password',
        'upstreams[].auth.api_key',
        'upstreams[].auth.oauth_token',
      ]),
    );
  });
});

function schemaKeysOf(provider: string): string[] {
  const branches = schema.properties?.['upstreams']?.items?.allOf ?? [];
  const branch = branches.find(({ if: { properties } }) => properties['provider']?.enum.includes(provider));
  return Object.keys(branch?.then.properties ?? {});
}

interface Schema {
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: unknown;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  /** Keys that depend on a word of the section. */
  readonly allOf?: readonly {
    readonly if: { readonly properties: Readonly<Record<string, { readonly enum: readonly string[] }>> };
    readonly then: Schema;
  }[];
}

/** A section is explained by its keys; its value is theirs. Settings of clients are known by name and type only. */
function hasValue(member: Schema): boolean {
  const isSection = (member.properties ?? member.items?.properties ?? member.$ref) !== undefined;
  return (
    isSection ||
    [OTHER_SETTING, MACHINE_SETTING, DESKTOP_KEY].includes(member.description ?? '') ||
    'default' in member ||
    (member.examples?.length ?? 0) > 0
  );
}

/** Those of the documents of a policy too. */
function everyKey(): { path: string; member: Schema }[] {
  const documents = ['settings', 'desktop'].flatMap((name) => keysOf(schema.$defs?.[name] ?? {}, `${name}.`));
  return [...keysOf(schema, ''), ...documents];
}

function keysOf(at: Schema, prefix: string): { path: string; member: Schema }[] {
  const own = Object.entries(at.properties ?? {}).flatMap(([name, member]) => {
    const path = `${prefix}${name}`;
    return [{ path, member }, ...keysOf(member, `${path}.`), ...keysOf(member.items ?? {}, `${path}[].`)];
  });
  return [...own, ...(at.allOf ?? []).flatMap((branch) => keysOf(branch.then, prefix))];
}

/** Paths of the maps that take no other keys than their own, `0` for an element of a list. */
function closedSections(at: Schema, path: readonly string[]): (readonly string[])[] {
  const own = at.additionalProperties === false ? [path] : [];
  const inner = Object.entries(at.properties ?? {}).flatMap(([name, member]) => [
    ...closedSections(member, [...path, name]),
    ...closedSections(member.items ?? {}, [...path, name, '0']),
  ]);
  return [...own, ...inner];
}

function withKey(value: unknown, [step, ...rest]: readonly string[], key: string): unknown {
  if (step === undefined) return { ...(value as object), [key]: 1 };
  if (step === '0') return [withKey(Array.isArray(value) ? value[0] : {}, rest, key)];
  const map = (value ?? {}) as Readonly<Record<string, unknown>>;
  return { ...map, [step]: withKey(map[step], rest, key) };
}
