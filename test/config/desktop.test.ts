import { describe, expect, it } from 'vitest';
import data from '../../src/config/desktop-keys.data.json' with { type: 'json' };
import { adviceOf, configOf, errorsOf, fileWith, warningsOf } from './config-file.ts';

const desktop = (inside: string, more = '') =>
  fileWith({ managed: `managed: { policies: [{ match: {}, desktop: ${inside}${more} }] }\n` });
const path = 'managed.policies[0].desktop';

describe('a desktop block', () => {
  it('is carried through as it is', () => {
    const block = {
      disableAutoUpdates: true,
      banner: { enabled: true, text: 'Internal', backgroundColor: '#FFEEDD' },
      builtinToolPolicy: { Bash: 'ask', 'Bash(curl *)': 'allow' },
      allowedWorkspaceFolders: ['~/work', { path: '/srv', mode: 'ro' }],
      managedMcpServers: [
        { name: 'docs', transport: 'http', url: 'https://docs.corp.example.com', oauth: true },
        { name: 'own', transport: 'stdio', command: 'server', oauth: { clientId: 'a' } },
      ],
      otlpResourceAttributes: { team: 'core' },
      relaunchEnforcementHours: 0,
    };
    const text = desktop(JSON.stringify(block));
    expect(configOf(text).managed.policies[0]?.desktop).toEqual(block);
    expect(warningsOf(text)).toEqual([]);
  });

  it('may be empty', () => {
    expect(configOf(desktop('{}')).managed.policies[0]?.desktop).toEqual({});
  });

  it('may take flags from variables, as every key', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
    const text = desktop('{ disableAutoUpdates: "${OFF}" }');
    expect(configOf(text, { env: { OFF: 'true' } }).managed.policies[0]?.desktop).toEqual({
      disableAutoUpdates: true,
    });
  });

  it.each([
    ['{ disableAutoUpdates: "yes" }', 'disableAutoUpdates must be true or false, found "yes"'],
    ['{ organizationInstructions: "" }', 'organizationInstructions must not be empty'],
    ['{ autoUpdaterEnforcementHours: 100 }', 'autoUpdaterEnforcementHours must be 72 at most'],
    ['{ disabledBuiltinTools: WebSearch }', 'disabledBuiltinTools must be a list'],
    ['{ disabledBuiltinTools: [1] }', 'disabledBuiltinTools[0] must be a string'],
    [
      '{ builtinToolPolicy: { Bash: never } }',
      'builtinToolPolicy.Bash must be one of allow, ask, ask-session',
    ],
    ['{ microsoftAuthBroker: sometimes }', 'microsoftAuthBroker must be one of auto, disabled, required'],
    ['{ banner: { backgroundColor: red } }', 'banner.backgroundColor must match ^#'],
    ['{ banner: { linkUrl: "http://a.example" } }', 'banner.linkUrl must be an https:// URL'],
    ['{ allowedWorkspaceFolders: [7] }', 'allowedWorkspaceFolders[0] must be a string or a map'],
    ['{ allowedWorkspaceFolders: [{ mode: ro }] }', 'allowedWorkspaceFolders[0] has no path'],
    ['{ managedMcpServers: [{ name: a, scopes: b }] }', 'managedMcpServers[0].scopes is no key'],
    [
      '{ managedMcpServers: [{ name: a, oauth: { scopes: b } }] }',
      'managedMcpServers[0].oauth.scopes is no key',
    ],
    ['{ managedMcpServers: [{ name: a, oauth: 3 }] }', 'managedMcpServers[0].oauth must be true or a map'],
    [
      '{ orgPluginSettings: [{ serverName: a, tools: [{ toolName: b, permission: c }] }] }',
      'orgPluginSettings[0].tools[0].permission must be one of',
    ],
    ['{ banner: }', 'banner has no value'],
    ['[]', ' must be a map of keys'],
  ])('is refused with a value that Claude Desktop would drop: %s', (inside, words) => {
    const errors = errorsOf(desktop(inside));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(inside === '[]' ? `${path}${words}` : `${path}.${words}`);
  });

  it.each([
    ['isDxtEnabled: true', 'isDxtEnabled is an older name; write isDesktopExtensionEnabled'],
    ['enduserAttribution: true', 'enduserAttribution is an older name; write endUserAttribution'],
    [
      'bootstrapUrl: "https://a.example"',
      "bootstrapUrl is read only from the machine's own configuration; remove it here and push it to the machines",
    ],
    [
      'trustBootstrapLocalExec: true',
      "trustBootstrapLocalExec is read only from the machine's own configuration; remove it here and push it to the machines",
    ],
    [
      'inferenceModels: [opus]',
      'inferenceModels is what the gateway itself tells Claude Desktop; the list follows availableModels of the policy: write that',
    ],
    [
      'otlpEndpoint: "https://a.example"',
      'otlpEndpoint is what the gateway itself tells Claude Desktop; write telemetry.forward_to',
    ],
    [
      'inferenceProvider: bedrock',
      'inferenceProvider is what the gateway itself tells Claude Desktop; remove it here',
    ],
    ['expiresAt: 4102444800', 'expiresAt is what the gateway itself tells Claude Desktop; remove it here'],
    ['$schemaVersion: 2', '$schemaVersion is what the gateway itself tells Claude Desktop; remove it here'],
    [
      'inferenceGatewayHeaders: {}',
      'inferenceGatewayHeaders is what the gateway itself tells Claude Desktop; remove it here',
    ],
  ])('is refused with a key that is not its own, which names the one to write: %s', (inside, words) => {
    expect(adviceOf(desktop(`{ ${inside} }`))).toEqual([`${path}.${words}`]);
  });

  it('may have keys that nobody knows, which are served with a warning', () => {
    const text = desktop('{ brandNew: { a: 1 }, disableAutoUpdate: true, banner: { txt: x } }');
    expect(warningsOf(text)).toEqual([
      `${path}.brandNew is no key of Claude Desktop that this version knows; it is served`,
      `${path}.disableAutoUpdate is no key of Claude Desktop that this version knows; it is served`,
      `${path}.banner.txt is no key that this version knows here`,
    ]);
    expect(configOf(text).managed.policies[0]?.desktop).toEqual({
      brandNew: { a: 1 },
      disableAutoUpdate: true,
      banner: { txt: 'x' },
    });
  });

  it('does not show what stands in it', () => {
    const errors = errorsOf(desktop('{ managedMcpServers: [{ name: a, headers: { X: [hunter2] } }] }'));
    expect(errors).toEqual([`${path}.managedMcpServers[0].headers.X must be a string`]);
  });

  it('warns of settings beside it under the name that is for Claude Code alone', () => {
    expect(warningsOf(desktop('{}', ', cli: {}'))).toEqual([
      'managed.policies[0].cli stands beside desktop:, and is the name of a document for Claude Code alone',
    ]);
    expect(warningsOf(desktop('{}', ', code: {}'))).toEqual([]);
  });

  it('has names of its own: what is older leads to one that exists', () => {
    for (const [older, canonical] of Object.entries(data.aliases)) {
      expect(Object.keys(data.keys)).toContain(canonical);
      expect(Object.keys(data.keys)).not.toContain(older);
    }
  });
});
