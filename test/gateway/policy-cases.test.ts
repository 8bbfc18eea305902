import { describe, expect, it } from 'vitest';
import { openPolicies } from '../../src/gateway/doors/policies.ts';
import type { Caller } from '../../src/gateway/exchange.ts';
import { configOf, errorsOf, fileWith, warningsOf } from '../config/config-file.ts';
import { bootRows, desktopRows, settingsRows, type Who } from './policy-case-rows.ts';

const URL = 'https://gateway.example';
const file = (policies: readonly object[], more = '') =>
  `${fileWith({ managed: `managed: ${JSON.stringify({ policies })}\n` })}${more}`;
const policiesOf = (policies: readonly object[], more?: string) =>
  openPolicies(configOf(file(policies, more)), URL);
const caller = ({ groups = [], email }: Who): Caller => ({
  sub: 'ada',
  email,
  name: undefined,
  groups,
  sid: 'session-1',
  expiresAtMs: 0,
});
const settingsOf = (policies: readonly object[], who: Who, more?: string) => {
  const served = policiesOf(policies, more).settingsOf(caller(who));
  return served && JSON.parse(served.body).settings;
};

describe('the settings of a developer', () => {
  it.each(settingsRows)('$row', ({ policies, who, settings }) => {
    expect(settingsOf(policies, who)).toEqual(settings);
  });
});

describe('a policy with a mistake', () => {
  it.each(bootRows)('stops boot: %s', (_row, policy, fields) => {
    const errors = errorsOf(file([policy]));
    expect(errors.map((line) => line.split(' ')[0])).toEqual(
      fields.map((field) => `managed.policies[0].${field}`),
    );
  });

  it('boots with a warning where only a key within is unknown: 52', () => {
    expect(warningsOf(file([{ match: {}, desktop: { banner: { txt: 'x' } } }]))).toEqual([
      'managed.policies[0].desktop.banner.txt is no key that this version knows here',
    ]);
  });
});

describe('what Claude Desktop gets', () => {
  const INFERENCE = [
    'inferenceProvider',
    'inferenceGatewayBaseUrl',
    'inferenceCredentialKind',
    'inferenceModels',
  ];

  it.each(desktopRows)('$row', ({ policies, who, expected }) => {
    const answer = policiesOf(policies).desktopOf(caller(who));
    if (answer.kind === 'denied') return expect(answer.reason).toEqual(expected);
    const document = JSON.parse(answer.json);
    expect(Object.keys(document)).toEqual(expect.arrayContaining(INFERENCE));
    const own = Object.entries(document).filter(([key]) => !INFERENCE.includes(key));
    expect(Object.fromEntries(own)).toEqual(expected);
  });
});

describe('variables of telemetry', () => {
  const on =
    'telemetry: { forward_to: [{ url: "https://otel.example.com", logs: true }], resource_attributes: { team: core, stage: live } }\n';
  const env = {
    CLAUDE_CODE_ENABLE_TELEMETRY: '1',
    OTEL_METRICS_EXPORTER: 'otlp',
    OTEL_LOGS_EXPORTER: 'otlp',
    OTEL_TRACES_EXPORTER: 'none',
    OTEL_EXPORTER_OTLP_ENDPOINT: URL,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    OTEL_RESOURCE_ATTRIBUTES: 'team=core,stage=live',
  };
  const everybody = [{ match: {}, cli: { env: { OTEL_METRICS_EXPORTER: 'none', X: '1' } } }];
  const settings = (policies: readonly object[]) => settingsOf(policies, { groups: ['z'] }, on);

  it('39: lie below those of the policy', () => {
    expect(settings(everybody)).toEqual({ env: { ...env, OTEL_METRICS_EXPORTER: 'none', X: '1' } });
  });

  it('40: go to people without a policy, who get nothing else', () => {
    expect(settings([{ match: { groups: ['a'] }, cli: { model: 'opus' } }])).toEqual({ env });
    expect(settings([])).toEqual({ env });
  });
});

describe('a model that is not in the list', () => {
  const list = [{ match: {}, cli: { availableModels: ['claude-sonnet-4-6'] } }];

  it('53: is refused', () => {
    expect(() => policiesOf(list).authorise(caller({}), 'claude-opus-4-8')).toThrow('model_not_allowed');
  });

  it('55: is another one than the same with [1m]', () => {
    const { requestedModel } = policiesOf(list).authorise(caller({}), 'claude-sonnet-4-6[1m]');
    expect(requestedModel).toBe('claude-sonnet-4-6');
  });

  it('23: is every one, when the list is empty', () => {
    const none = policiesOf([{ match: {}, cli: { availableModels: [] } }]);
    expect(none.allowedModels(caller({}))).toEqual([]);
  });

  it('6: is none, for people without a policy', () => {
    const policies = policiesOf([{ match: { groups: ['a'] }, cli: { availableModels: [] } }]);
    expect(policies.authorise(caller({ groups: ['z'] }), 'claude-opus-4-8').model.id).toBe('claude-opus-4-8');
  });
});

describe('a changed file', () => {
  it('57: has another checksum at once, and an unchanged one the same', () => {
    const text = (model: string) => configOf(file([{ match: {}, cli: { model } }]));
    const policies = openPolicies(text('opus'), URL);
    const before = policies.settingsOf(caller({}));
    policies.adopt(text('opus'));
    expect(policies.settingsOf(caller({}))?.checksum).toBe(before?.checksum);
    policies.adopt(text('haiku'));
    expect(policies.settingsOf(caller({}))?.checksum).not.toBe(before?.checksum);
  });

  it('58: other groups are another policy at once', () => {
    const rows = [
      { match: { groups: ['a'] }, cli: { model: 'opus' } },
      { match: {}, cli: { model: 'haiku' } },
    ];
    expect(settingsOf(rows, { groups: ['a'] })).toEqual({ model: 'opus' });
    expect(settingsOf(rows, {})).toEqual({ model: 'haiku' });
  });
});
