import { describe, expect, it } from 'vitest';
import { createAllowListJudge } from '../../src/gateway/doors/judge-allow-list.ts';
import { fileWith, warningsOf } from './config-file.ts';

const inputs = { judgeAllowList: createAllowListJudge() };
const fileOf = (policies: readonly string[], sections: Readonly<Record<string, string>> = {}) =>
  fileWith({
    ...sections,
    managed: `managed:\n  policies:\n${policies.map((policy) => `    - ${policy}\n`).join('')}`,
  });
const forAll = (cli: string) => `{ match: {}, cli: ${cli} }`;
const forSome = (cli: string) => `{ match: { groups: [a] }, cli: ${cli} }`;
const warnings = (...policies: readonly string[]) => warningsOf(fileOf(policies), inputs);

const SOME = 'managed.policies[0].cli';
const ALL = 'managed.policies[1].cli';
const NOTHING = 'leaves no model, with all that applies to whom this policy matches: they may use none';
const UNUSUAL = 'leaves out every model that clients start with: their first request is refused';

describe('the lists of a policy and of those for everybody', () => {
  it.each([
    ['exact', '{ availableModelsMatch: exact }', '{ availableModels: [opus] }', 'availableModelsMatch'],
    ['a denial', '{ deniedModels: [opus] }', '{ availableModels: [opus] }', 'deniedModels'],
    ['a list', '{ availableModels: [opus] }', '{ deniedModels: [opus], model: sonnet }', 'availableModels'],
  ])('are warned of when together they leave no model: %s', (_what, some, all, key) => {
    expect(warnings(forSome(some), forAll(all))).toEqual([`${SOME}.${key} ${NOTHING}`]);
  });

  it('are warned of once, where what they leave was decided', () => {
    const nothing = '{ availableModels: [opus], deniedModels: [opus] }';
    expect(warnings(forSome('{ model: opus }'), forAll(nothing))).toEqual([`${ALL}.deniedModels ${NOTHING}`]);
    expect(warnings(forSome('{}'), forAll('{ availableModels: [haiku] }'))).toEqual([
      `${ALL}.availableModels ${UNUSUAL}`,
    ]);
  });

  it('are judged as all policies for everybody leave them', () => {
    expect(warnings(forAll('{ availableModels: [opus] }'), forAll('{ deniedModels: [opus] }'))).toEqual([
      'managed.policies[1].match is a second one for everybody; it is merged onto managed.policies[0]',
      `${ALL}.deniedModels ${NOTHING}`,
    ]);
  });

  it('are warned of when they leave only what no upstream can serve', () => {
    const upstreams =
      'upstreams: [{ provider: anthropic, models: ["claude-sonnet-*"], auth: { api_key: k } }]\n';
    const text = fileOf([forAll('{ deniedModels: [sonnet] }')], { upstreams });
    expect(warningsOf(text, inputs)).toEqual([`managed.policies[0].cli.deniedModels ${NOTHING}`]);
  });

  it('are warned of entry by entry where exact comes from the policy for everybody', () => {
    const all = forAll('{ availableModelsMatch: exact }');
    expect(warnings(forSome('{ availableModels: [opus, claude-sonnet-4-6] }'), all)).toEqual([
      `${SOME}.availableModels[0] is no full id, and availableModelsMatch: exact takes no other, found "opus"`,
    ]);
  });

  it('are not judged by one that has a mistake', () => {
    const all = forAll('{ availableModels: [opus] }');
    expect(warnings('{ match: { groups: [] }, cli: { deniedModels: [opus] } }', all)).toEqual([]);
    expect(warnings(forSome('{ deniedModels: [opus], availableModels: [7] }'), all)).toEqual([]);
    expect(warnings('{ match: { groups: [a] }, cli: 7 }', forAll('{ availableModels: [haiku] }'))).toEqual(
      [],
    );
  });
});

describe('a denial', () => {
  it('that names no model is warned of, once', () => {
    expect(
      warnings(forSome('{ availableModels: [sonnet] }'), forAll('{ deniedModels: [opsu, haiku] }')),
    ).toEqual([`${ALL}.deniedModels[0] names no model of the catalog, found "opsu"`]);
  });

  it('of every model that clients start with is warned of', () => {
    expect(warnings(forAll('{ deniedModels: [opus, sonnet] }'))).toEqual([
      `managed.policies[0].cli.deniedModels ${UNUSUAL}`,
    ]);
  });
});

describe('the model to start with', () => {
  const refused = (model: string) =>
    `is none of the models that whom this policy matches may use, found "${model}"`;

  it.each([
    ['another family', '{ availableModels: [sonnet], model: opus }', 'opus'],
    ['a denied one', '{ deniedModels: [opus], model: "claude-opus-4-8[1m]" }', 'claude-opus-4-8[1m]'],
    ['no model at all', '{ availableModels: [sonnet], model: sonet }', 'sonet'],
  ])('is warned of when it is not allowed: %s', (_what, cli, model) => {
    expect(warnings(forAll(cli))).toEqual([`managed.policies[0].cli.model ${refused(model)}`]);
  });

  it.each([
    '{ availableModels: [sonnet], model: claude-sonnet-4-6 }',
    '{ availableModels: [claude-opus-4-8], model: "opus[1m]" }',
    '{ availableModels: [haiku], model: default }',
    '{ availableModels: [opus, sonnet], model: opusplan }',
    '{ model: not-in-the-catalog }',
    '{ deniedModels: [haiku], model: not-in-the-catalog }',
  ])('may be any that the lists allow, or that the client chooses: %s', (cli) => {
    expect(warnings(forAll(cli))).toEqual([]);
  });

  it('is judged by the list that it is merged with', () => {
    const list = forAll('{ availableModels: [sonnet] }');
    expect(warnings(forSome('{ model: opus }'), list)).toEqual([`${SOME}.model ${refused('opus')}`]);
    expect(warnings(forSome('{ availableModels: [haiku] }'), forAll('{ model: sonnet }'))).toEqual([
      `${SOME}.availableModels leaves out the model that a policy for everybody tells clients to start with`,
    ]);
  });

  it('is missed where a policy takes back that the list is enforced', () => {
    const all = forAll('{ enforceAvailableModels: true }');
    const own = '{ availableModels: [haiku], enforceAvailableModels: false }';
    expect(warnings(forSome(own), all)).toEqual([`${SOME}.availableModels ${UNUSUAL}`]);
  });
});
