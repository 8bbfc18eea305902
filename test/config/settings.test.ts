import { describe, expect, it } from 'vitest';
import data from '../../src/config/settings-keys.data.json' with { type: 'json' };
import { adviceOf, configOf, errorsOf, fileWith, warningsOf } from './config-file.ts';

const settings = (inside: string, more = '') =>
  fileWith({ managed: `managed: { ${more}policies: [{ match: {}, cli: ${inside} }] }\n` });
const path = 'managed.policies[0].cli';

describe('settings for clients', () => {
  it('are carried through as they are', () => {
    const cli = {
      model: 'opus',
      env: { BRAND_NEW_VARIABLE: '1', EMPTY: '' },
      permissions: { deny: ['WebFetch'], futureKey: 1, nested: { a: [null, { b: 1.5 }] } },
      pluginConfigs: { x: { y: 1 } },
      hooks: { PreToolUse: [{ matcher: 'Bash', hooks: [{ type: 'command', command: 'true' }] }] },
      cleanupPeriodDays: 30,
      theme: 'dark',
      timeZone: 'Europe/Berlin',
    };
    expect(configOf(settings(JSON.stringify(cli))).managed.policies[0]?.cli).toEqual(cli);
  });

  it('have every unknown key named at once, with the nearest real one', () => {
    expect(
      adviceOf(settings('{ avaliableModels: [opus], permisions: {}, somethingElseEntirely: 1 }')),
    ).toEqual([
      `${path}.avaliableModels is no settings key that this version knows; did you mean availableModels?`,
      `${path}.permisions is no settings key that this version knows; did you mean permissions?`,
      `${path}.somethingElseEntirely is no settings key that this version knows; remove it, or set managed.unknown_keys: warn to carry it through`,
    ]);
  });

  it('may have unknown keys where the file says so', () => {
    const text = settings('{ brandNewSetting: { a: 1 } }', 'unknown_keys: warn, ');
    expect(warningsOf(text)).toEqual([`${path}.brandNewSetting is no settings key that this version knows`]);
    expect(configOf(text).managed.policies[0]?.cli).toEqual({ brandNewSetting: { a: 1 } });
    expect(errorsOf(settings('{}', 'unknown_keys: ignore, '))).toEqual([
      'managed.unknown_keys must be one of error, warn, found "ignore"',
    ]);
  });

  it('cannot bring servers of their own', () => {
    for (const more of ['', 'unknown_keys: warn, ']) {
      expect(adviceOf(settings('{ mcpServers: {} }', more))).toEqual([
        `${path}.mcpServers is not possible in managed settings; use managedMcpServers (http and sse servers)`,
      ]);
    }
  });

  it.each([
    ['{ availableModels: opus }', 'availableModels must be a list of models, found "opus"'],
    ['{ availableModels: [opus, ""] }', 'availableModels[1] must be a model, found ""'],
    [
      '{ availableModelsMatch: exactly }',
      'availableModelsMatch must be one of prefix, exact, found "exactly"',
    ],
    ['{ deniedModels: [1] }', 'deniedModels[0] must be a model, found 1'],
    ['{ enforceAvailableModels: "true" }', 'enforceAvailableModels must be true or false, found "true"'],
    ['{ model: 4 }', 'model must be a model, found 4'],
    ['{ model: null }', 'model has no value'],
    ['{ verbose: yes }', 'verbose must be true or false, found "yes"'],
    ['{ cleanupPeriodDays: 1.5 }', 'cleanupPeriodDays must be a whole number, found 1.5'],
    ['{ autoUpdatesChannel: nightly }', 'autoUpdatesChannel must be one of latest, stable, found "nightly"'],
    ['{ hooks: [] }', 'hooks must be a map of names and values, found a list'],
    ['{ companyAnnouncements: hello }', 'companyAnnouncements must be a list, found a string of 5 bytes'],
    ['{ env: { A: 1 } }', 'env.A must be a string, found a number'],
    ['{ permissions: { deny: WebFetch } }', 'permissions.deny must be a list of rules, found "WebFetch"'],
    ['{ permissions: { allow: [1] } }', 'permissions.allow[0] must be a rule'],
  ])('are refused with a value of the wrong kind: %s', (inside, words) => {
    expect(errorsOf(settings(inside))).toEqual([expect.stringContaining(`${path}.${words}`)]);
  });

  it('do not show what stands in the environment of clients', () => {
    expect(errorsOf(settings('{ env: { TOKEN: [hunter2] } }'))).toEqual([
      `${path}.env.TOKEN must be a string, found a list`,
    ]);
  });

  it.each([
    'forceLoginMethod: gateway',
    'forceLoginGatewayUrl: "https://a.example"',
    'gatewayInternalNetworks: []',
  ])('warn of what clients read from the machine only: %s', (setting) => {
    expect(warningsOf(settings(`{ ${setting} }`))).toEqual([
      expect.stringContaining(
        "is read by clients only from the machine's own managed settings, and is not served",
      ),
    ]);
  });

  it('are known in great number', () => {
    const keys = Object.keys(data.keys);
    expect(keys.length).toBeGreaterThan(150);
    expect(keys).toContain('attributionProject');
    expect(keys).not.toContain('mcpServers');
  });
});
