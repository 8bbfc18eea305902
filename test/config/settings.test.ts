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
      `${path}.somethingElseEntirely is no settings key that this version knows; remove it, or set managed.unknown_keys: warn to serve it all the same`,
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

  it.each([
    ['{ sandbox: { enabled: 1 } }', 'sandbox.enabled must be true or false'],
    [
      '{ sandbox: { network: { httpProxyPort: x } } }',
      'sandbox.network.httpProxyPort must be a number or null',
    ],
    ['{ statusLine: { type: command } }', 'statusLine has no command'],
    ['{ statusLine: { type: script, command: a } }', 'statusLine.type must be "command"'],
    ['{ cleanupPeriodDays: 0 }', 'cleanupPeriodDays must be 1 at least'],
    ['{ skillOverrides: { a: maybe } }', 'skillOverrides.a must be one of on, name-only'],
    ['{ hooks: { Stop: {} } }', 'hooks.Stop must be a list'],
    [
      '{ hooks: { Stop: [{ hooks: [{ type: shell }] }] } }',
      'hooks.Stop[0].hooks[0].type must be one of command',
    ],
    [
      '{ deniedMcpServers: [{ name: a }] }',
      'deniedMcpServers[0] must be one of { serverName }, { serverCommand }',
    ],
    [
      '{ blockedMarketplaces: [{ source: svn }] }',
      'blockedMarketplaces[0].source must be one of github, git, url',
    ],
    ['{ blockedMarketplaces: [{ source: git }] }', 'blockedMarketplaces[0] has no url'],
    ['{ strictPluginOnlyCustomization: false }', 'strictPluginOnlyCustomization must be true'],
    ['{ modelPricing: { multiplier: 0 } }', 'modelPricing.multiplier must be above 0'],
    [
      '{ managedMcpServers: { a: { url: "http://a.example" } } }',
      'managedMcpServers.a.url must be an https:// URL',
    ],
    ['{ permissions: { defaultMode: careless } }', 'permissions.defaultMode must be one of default'],
  ])('are refused with something wrong within a value: %s', (inside, words) => {
    const errors = errorsOf(settings(inside));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(`${path}.${words}`);
  });

  it('warn of keys within a value that nobody knows, but where clients take any', () => {
    const inside =
      '{ sandbox: { enabeld: true }, hooks: { PreTolUse: [] }, permissions: { tomorrow: 1 }, pluginConfigs: { x: { y: 1 } } }';
    expect(warningsOf(settings(inside))).toEqual([
      `${path}.sandbox.enabeld is no key that this version knows here`,
      `${path}.hooks.PreTolUse is no key that this version knows here`,
    ]);
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
