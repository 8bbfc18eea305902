/** Who asks: groups and email address. */
export interface Who {
  readonly groups?: readonly string[];
  readonly email?: string;
}

/** The settings that policies come to. `undefined`: there are none. */
export interface SettingsRow {
  readonly row: string;
  readonly policies: readonly object[];
  readonly who: Who;
  readonly settings: Readonly<Record<string, unknown>> | undefined;
}

const everybody = (cli: object) => ({ match: {}, cli });
const ofGroup = (group: string, cli: object) => ({ match: { groups: [group] }, cli });
const ofDomain = (domain: string, cli: object) => ({ match: { email_domain: domain }, cli });
const inA = { groups: ['a'] };

const CONTRACTORS = [
  ofGroup('eng-contractors', {
    availableModels: ['sonnet-4-6'],
    permissions: { deny: ['WebFetch', 'WebSearch'] },
  }),
  everybody({ availableModels: ['opus-4-8', 'sonnet-4-6', 'haiku-4-5'] }),
];
const OF_CONTRACTORS = {
  availableModels: ['sonnet-4-6'],
  permissions: { deny: ['WebFetch', 'WebSearch'] },
};
const OF_ALL = { availableModels: ['opus-4-8', 'sonnet-4-6', 'haiku-4-5'] };
const H1 = { matcher: 'Bash', hooks: [{ type: 'command', command: 'one' }] };
const H2 = { matcher: 'Edit', hooks: [{ type: 'command', command: 'two' }] };
const H3 = { hooks: [{ type: 'command', command: 'three' }] };
const M1 = { source: 'npm', package: 'm1' };
const M2 = { source: 'npm', package: 'm2' };
const BOTH = [
  { match: { groups: ['a'], email_domain: 'example.com' }, cli: { model: 'opus' } },
  everybody({ model: 'haiku' }),
];

/** A policy of the group `a` on one for everybody. */
const merged = (row: string, base: object, own: object, settings: SettingsRow['settings']): SettingsRow => ({
  row,
  policies: [ofGroup('a', own), everybody(base)],
  who: inA,
  settings,
});
const denying = (...deny: string[]) => ({ permissions: { deny } });

export const settingsRows: readonly SettingsRow[] = [
  {
    row: '1: the catch-all alone',
    policies: [everybody({ availableModels: ['opus-4-8', 'sonnet-4-6'] })],
    who: {},
    settings: { availableModels: ['opus-4-8', 'sonnet-4-6'] },
  },
  {
    row: '2: a list in place of the base list, denials added',
    policies: CONTRACTORS,
    who: { groups: ['eng-contractors'] },
    settings: OF_CONTRACTORS,
  },
  {
    row: '3: groups go by case',
    policies: CONTRACTORS,
    who: { groups: ['Eng-Contractors'] },
    settings: OF_ALL,
  },
  {
    row: '4: any of the groups',
    policies: CONTRACTORS,
    who: { groups: ['eng', 'eng-contractors', 'x'] },
    settings: OF_CONTRACTORS,
  },
  {
    row: '5: the order of the list, no stacking',
    policies: [ofGroup('a', { model: 'sonnet' }), ofGroup('b', { model: 'opus', language: 'de' })],
    who: { groups: ['b', 'a'] },
    settings: { model: 'sonnet' },
  },
  {
    row: '6: nobody matches',
    policies: [ofGroup('a', { model: 'sonnet' })],
    who: { groups: ['z'] },
    settings: undefined,
  },
  {
    row: '7: the catch-all first is the base all the same',
    policies: [everybody({ model: 'haiku' }), ofGroup('a', { model: 'opus' })],
    who: inA,
    settings: { model: 'opus' },
  },
  merged('8: denials add up', denying('Bash(rm *)'), denying('WebFetch'), denying('Bash(rm *)', 'WebFetch')),
  merged('9: an empty list takes no denial away', denying('WebFetch'), denying(), denying('WebFetch')),
  merged(
    '10: base first, without duplicates',
    denying('WebFetch'),
    denying('WebFetch', 'Read(./.env)'),
    denying('WebFetch', 'Read(./.env)'),
  ),
  merged(
    '11: what is allowed is replaced',
    { permissions: { allow: ['Read', 'Bash(git *)'] } },
    { permissions: { allow: ['Read'] } },
    { permissions: { allow: ['Read'] } },
  ),
  merged(
    '12: permissions go key by key',
    { permissions: { allow: ['Read'], deny: ['WebFetch'], disableBypassPermissionsMode: 'disable' } },
    { permissions: { allow: ['Edit'] } },
    { permissions: { allow: ['Edit'], deny: ['WebFetch'], disableBypassPermissionsMode: 'disable' } },
  ),
  merged(
    '13: what is asked for adds up',
    { permissions: { ask: ['Bash(git push *)'] } },
    { permissions: { ask: ['Bash(npm publish *)'] } },
    { permissions: { ask: ['Bash(git push *)', 'Bash(npm publish *)'] } },
  ),
  merged(
    '14: variables one by one',
    { env: { A: '1', B: '1' } },
    { env: { B: '2', C: '3' } },
    { env: { A: '1', B: '2', C: '3' } },
  ),
  merged(
    '15: variables are inherited',
    { env: { DISABLE_UPDATES: '1' } },
    {},
    { env: { DISABLE_UPDATES: '1' } },
  ),
  merged(
    '16: model overrides one by one',
    { modelOverrides: { 'claude-opus-4-8': 'arn:X' } },
    { modelOverrides: { 'claude-sonnet-4-6': 'arn:Y' } },
    { modelOverrides: { 'claude-opus-4-8': 'arn:X', 'claude-sonnet-4-6': 'arn:Y' } },
  ),
  merged(
    '17: skill overrides one by one',
    { skillOverrides: { s1: 'off' } },
    { skillOverrides: { s1: 'on', s2: 'off' } },
    { skillOverrides: { s1: 'on', s2: 'off' } },
  ),
  merged(
    '18: hooks add up event by event',
    { hooks: { PostToolUse: [H1] } },
    { hooks: { PostToolUse: [H2], PreToolUse: [H3] } },
    { hooks: { PostToolUse: [H1, H2], PreToolUse: [H3] } },
  ),
  merged('19: hooks are inherited', { hooks: { Stop: [H1] } }, { hooks: {} }, { hooks: { Stop: [H1] } }),
  merged(
    '20: servers and marketplaces that are off add up',
    {
      deniedMcpServers: [{ serverName: 'x' }],
      disabledMcpjsonServers: ['a'],
      blockedMarketplaces: [M1],
    },
    {
      deniedMcpServers: [{ serverName: 'y' }],
      disabledMcpjsonServers: ['b'],
      blockedMarketplaces: [M2],
    },
    {
      deniedMcpServers: [{ serverName: 'x' }, { serverName: 'y' }],
      disabledMcpjsonServers: ['a', 'b'],
      blockedMarketplaces: [M1, M2],
    },
  ),
  merged(
    '21: servers that are allowed are replaced',
    { allowedMcpServers: [{ serverName: 'x' }] },
    { allowedMcpServers: [{ serverName: 'y' }] },
    { allowedMcpServers: [{ serverName: 'y' }] },
  ),
  merged(
    '22: another object is replaced as a whole',
    { sandbox: { network: { allowedDomains: ['a.com'] }, enabled: true } },
    { sandbox: { enabled: true } },
    { sandbox: { enabled: true } },
  ),
  merged(
    '23: an empty list of models stays empty',
    { availableModels: ['opus-4-8'] },
    { availableModels: [] },
    { availableModels: [] },
  ),
  {
    row: '24: a domain in any case',
    policies: [ofDomain('example.com', { model: 'opus' })],
    who: { email: 'Ann@EXAMPLE.com' },
    settings: { model: 'opus' },
  },
  {
    row: '25: what follows the last @',
    policies: [ofDomain('example.com', { model: 'opus' })],
    who: { email: 'a@evil.com@example.com' },
    settings: { model: 'opus' },
  },
  ...['a@sub.example.com', 'example.com', undefined].map((email, index) => ({
    row: `${index === 0 ? '26' : '27'}: no such domain: ${email}`,
    policies: [ofDomain('example.com', { model: 'opus' })],
    who: email === undefined ? {} : { email },
    settings: undefined,
  })),
  {
    row: '28: blanks and one @ are left out',
    policies: [ofDomain(' @Example.com ', { model: 'opus' })],
    who: { email: 'a@example.com' },
    settings: { model: 'opus' },
  },
  {
    row: '33: both, and only one is so',
    policies: BOTH,
    who: { ...inA, email: 'x@other.com' },
    settings: { model: 'haiku' },
  },
  {
    row: '34: both are so',
    policies: BOTH,
    who: { ...inA, email: 'x@example.com' },
    settings: { model: 'opus' },
  },
  merged(
    '37: what is open is delivered as it is',
    {},
    { env: { BRAND_NEW_VAR: '1' }, permissions: { futureKey: 1 }, pluginConfigs: { x: { y: 1 } } },
    { env: { BRAND_NEW_VAR: '1' }, permissions: { futureKey: 1 }, pluginConfigs: { x: { y: 1 } } },
  ),
  {
    row: '38: settings is cli',
    policies: [{ match: {}, settings: { model: 'opus' } }],
    who: {},
    settings: { model: 'opus' },
  },
  { row: '41: no policies at all', policies: [], who: inA, settings: undefined },
  {
    row: '42: what is read from the machine only is not delivered',
    policies: [everybody({ forceLoginMethod: 'gateway', model: 'opus' })],
    who: {},
    settings: { model: 'opus' },
  },
  {
    row: '56: two catch-alls lie on each other in list order',
    policies: [everybody({ model: 'opus', language: 'de' }), everybody({ model: 'haiku' })],
    who: {},
    settings: { model: 'haiku', language: 'de' },
  },
];

/** What stops boot, and the field that the error names. */
export const bootRows: readonly (readonly [row: string, policy: object, fields: readonly string[]])[] = [
  ['29', ofDomain('@@example.com', {}), ['match.email_domain']],
  ...['a.com,b.com', 'a b.com', '', '@'].map(
    (domain) => [`30: ${domain}`, ofDomain(domain, {}), ['match.email_domain']] as const,
  ),
  ['31', { match: { groups: [] } }, ['match.groups']],
  ['32', { match: { groups: ['eng', ''] } }, ['match.groups[1]']],
  ['35', everybody({ mcpServers: {} }), ['cli.mcpServers']],
  ['36', everybody({ avaliableModels: [], permisions: {} }), ['cli.avaliableModels', 'cli.permisions']],
  ...['bootstrapUrl', 'inferenceProvider', 'inferenceModels', 'isDxtEnabled'].map(
    (key) =>
      [`52: ${key}`, { match: {}, desktop: { [key]: 'https://a.example' } }, [`desktop.${key}`]] as const,
  ),
];

/** Which keys of Claude Desktop's document a policy comes to, or why there is none. */
export interface DesktopRow {
  readonly row: string;
  readonly policies: readonly object[];
  readonly who: Who;
  readonly expected: string | Readonly<Record<string, unknown>>;
}

const desktop = (row: string, base: object, own: object, expected: DesktopRow['expected']): DesktopRow => ({
  row,
  policies: [
    { match: { groups: ['a'] }, ...own },
    { match: {}, ...base },
  ],
  who: inA,
  expected,
});

export const desktopRows: readonly DesktopRow[] = [
  {
    row: '43: an empty block is enough',
    policies: [{ match: { groups: ['a'] }, desktop: {} }],
    who: inA,
    expected: {},
  },
  desktop('44: inherited', { desktop: { disableAutoUpdates: true } }, {}, { disableAutoUpdates: true }),
  {
    row: '45: only another policy has one',
    policies: [{ match: { groups: ['a'] }, desktop: {} }, { match: { groups: ['b'] } }, { match: {} }],
    who: { groups: ['b'] },
    expected: 'policy_not_opted_in',
  },
  {
    row: '46: nobody matches',
    policies: [{ match: { groups: ['a'] }, desktop: {} }],
    who: { groups: ['z'] },
    expected: 'no_policy_matched',
  },
  { row: '47: none anywhere', policies: [{ match: {}, cli: {} }], who: inA, expected: 'not_configured' },
  { row: '47: no policies', policies: [], who: inA, expected: 'not_configured' },
  desktop(
    '48: objects as a whole',
    { desktop: { banner: { text: 'A', backgroundColor: '#FFFFFF' } } },
    { desktop: { banner: { text: 'B' } } },
    { banner: { text: 'B' } },
  ),
  desktop(
    '49: tools that are off add up, with those denied as a whole',
    {
      desktop: { disabledBuiltinTools: ['WebSearch'] },
      cli: { permissions: { deny: ['WebFetch', 'Bash(rm *)'] } },
    },
    { desktop: { disabledBuiltinTools: ['Bash'] } },
    { disabledBuiltinTools: ['WebSearch', 'Bash', 'WebFetch'] },
  ),
  desktop(
    '50: who is asked stays asked',
    { desktop: { builtinToolPolicy: { Bash: 'ask', WebFetch: 'allow' } } },
    { desktop: { builtinToolPolicy: { Bash: 'allow', WebFetch: 'ask', Edit: 'allow' } } },
    { builtinToolPolicy: { Bash: 'ask', WebFetch: 'ask', Edit: 'allow' } },
  ),
  desktop(
    '51: the block has the last word on hosts',
    { cli: { sandbox: { network: { allowedDomains: ['a.com'] } } } },
    { desktop: { coworkEgressAllowedHosts: ['b.com'] } },
    { coworkEgressAllowedHosts: ['b.com'] },
  ),
  desktop(
    '51: otherwise they follow from the sandbox',
    { cli: { sandbox: { network: { allowedDomains: ['a.com'] } } } },
    { desktop: {} },
    { coworkEgressAllowedHosts: ['a.com'] },
  ),
  desktop(
    '52: an unknown key within is served',
    {},
    { desktop: { banner: { txt: 'x' } } },
    { banner: { txt: 'x' } },
  ),
];
