import { describe, expect, it } from 'vitest';
import { builtinModels } from '../../../src/gateway/catalog/builtin-models.ts';
import { type CatalogOptions, createCatalog } from '../../../src/gateway/catalog/catalog.ts';
import { messagesError } from '../../../src/gateway/errors.ts';
import type { Caller } from '../../../src/gateway/exchange.ts';
import type { ModelRules } from '../../../src/gateway/policy/allow-list.ts';
import { createPolicySet } from '../../../src/gateway/policy/policy-set.ts';
import type { Policy } from '../../../src/gateway/policy/views.ts';
import { isCodedError } from '../../../src/kernel/coded-error.ts';
import type { ErrorCode } from '../../../src/kernel/error-codes.ts';
import { NOTHING_PUSHED } from '../../support/nothing-pushed.ts';

const catalogOf = (changes: Partial<CatalogOptions> = {}) =>
  createCatalog(
    {
      upstreams: [{ name: 'anthropic', provider: 'anthropic', region: undefined, models: undefined }],
      models: [],
      includesBuiltin: true,
      forwardsUnknown: false,
      ...changes,
    },
    builtinModels(),
  );
const authorisation = (policies: readonly Policy[] = [], changes?: Partial<CatalogOptions>) =>
  createPolicySet({
    policies,
    catalog: catalogOf(changes),
    push: NOTHING_PUSHED,
    desktop: { publicUrl: 'https://gateway.example', forwardsTelemetry: false },
  });

const policy = (models: Partial<ModelRules>, groups?: string[], emailDomain?: string): Policy => ({
  match: { groups, emailDomain },
  documents: { settings: models, desktop: undefined },
});
const caller = (changes: Partial<Caller> = {}): Caller => ({
  sub: 'ada',
  email: 'ada@example.test',
  name: undefined,
  groups: [],
  sid: 'session-1',
  expiresAtMs: 0,
  ...changes,
});

function refusalOf(work: () => unknown): {
  readonly code: ErrorCode;
  readonly status: number;
  readonly message: string;
} {
  try {
    work();
  } catch (error) {
    if (!isCodedError(error)) throw error;
    const { status, body } = messagesError(error, 'req_1');
    return { code: error.code, status, message: JSON.parse(JSON.stringify(body)).error.message };
  }
  throw new Error('it was allowed');
}

describe('a developer without a policy', () => {
  it('may use every model of the catalog', () => {
    const { authorise, allowedModels } = authorisation();
    const all = catalogOf()
      .list()
      .map(({ id }) => id);
    expect(allowedModels(caller()).map(({ id }) => id)).toEqual(all);
    for (const id of all) expect(authorise(caller(), id).model.id).toBe(id);
  });

  it('is also one whom no policy matches', () => {
    const { authorise, allowedModels } = authorisation([policy({ availableModels: [] }, ['contractors'])]);
    expect(allowedModels(caller()).length).toBeGreaterThan(5);
    expect(authorise(caller(), 'claude-opus-4-8').model.id).toBe('claude-opus-4-8');
  });

  it('may not use what is not in the catalog, and hears its name', () => {
    const refusal = refusalOf(() => authorisation().authorise(caller(), 'claude-next-9[1m]'));
    expect(refusal).toMatchObject({ code: 'model_unknown', status: 400 });
    expect(refusal.message).toContain('claude-next-9');
    expect(authorisation([], { forwardsUnknown: true }).authorise(caller(), 'claude-next-9').model.id).toBe(
      'claude-next-9',
    );
  });
});

describe('a permit', () => {
  it('names the caller, the model and how the client called it, without its mark', () => {
    const { authorise } = authorisation();
    const who = caller();
    const permit = authorise(who, 'claude-opus-4-5-20251101[1M]');
    expect(permit.caller).toBe(who);
    expect(permit.model.id).toBe('claude-opus-4-5');
    expect(permit.requestedModel).toBe('claude-opus-4-5-20251101');
    expect(permit.model.upstreamId('anthropic')).toBe('claude-opus-4-5-20251101');
    expect(authorise(who, 'claude-opus-4-5').model.upstreamId('anthropic')).toBe('claude-opus-4-5');
  });
});

describe('availableModels', () => {
  const sonnetOnly = [policy({ availableModels: ['claude-sonnet-4-6'] })];

  it.each([
    'claude-sonnet-4-6',
    'claude-sonnet-4-6[1m]',
    'claude-sonnet-4-6[1M]',
    'CLAUDE-SONNET-4-6',
    'eu.anthropic.claude-sonnet-4-6',
  ])('of claude-sonnet-4-6 lets %s through', (model) =>
    expect(authorisation(sonnetOnly).authorise(caller(), model).model.id).toBe('claude-sonnet-4-6'),
  );

  it.each(['claude-opus-4-8', 'claude-opus-4-8[1m]', 'anthropic.claude-opus-4-8'])(
    'of claude-sonnet-4-6 refuses %s with what is allowed',
    (model) => {
      const refusal = refusalOf(() => authorisation(sonnetOnly).authorise(caller(), model));
      expect(refusal).toEqual({
        code: 'model_not_allowed',
        status: 400,
        message: `model ${model} is not allowed for you; allowed: claude-sonnet-4-6`,
      });
    },
  );

  it('that is empty refuses everything, and lists nothing', () => {
    const { authorise, allowedModels } = authorisation([policy({ availableModels: [] })]);
    expect(allowedModels(caller())).toEqual([]);
    expect(refusalOf(() => authorise(caller(), 'claude-opus-4-8')).message).toContain('allowed: none');
  });

  it('of a policy replaces the one of the catch-all', () => {
    const policies = [
      policy({ availableModels: ['opus-4-8', 'sonnet-4-6', 'haiku-4-5'] }),
      policy({ availableModels: ['sonnet-4-6'] }, ['contractors']),
    ];
    const { allowedModels } = authorisation(policies);
    const idsFor = (who: Partial<Caller>) => allowedModels(caller(who)).map(({ id }) => id);
    expect(idsFor({ groups: ['contractors'] })).toEqual(['claude-sonnet-4-6']);
    expect(idsFor({ groups: ['Contractors'] })).toEqual([
      'claude-opus-4-8',
      'claude-sonnet-4-6',
      'claude-haiku-4-5',
    ]);
    expect(idsFor({ groups: ['x', 'contractors', 'y'] })).toEqual(['claude-sonnet-4-6']);
  });

  it('lets a forwarded model through where a family or prefix names it', () => {
    const forwarding = { forwardsUnknown: true };
    expect(
      authorisation([policy({ availableModels: ['opus'] })], forwarding).authorise(caller(), 'claude-opus-9')
        .model.id,
    ).toBe('claude-opus-9');
    const { authorise } = authorisation(sonnetOnly, forwarding);
    expect(refusalOf(() => authorise(caller(), 'claude-opus-9')).code).toBe('model_not_allowed');
  });
});

describe('deniedModels', () => {
  it('holds against the list, in every spelling', () => {
    const { authorise, allowedModels } = authorisation([
      policy({ availableModels: ['opus'], deniedModels: ['opus-4-8'] }),
    ]);
    for (const model of ['claude-opus-4-8', 'Claude-Opus-4-8[1m]', 'us.anthropic.claude-opus-4-8'])
      expect(refusalOf(() => authorise(caller(), model)).code).toBe('model_not_allowed');
    expect(allowedModels(caller()).map(({ id }) => id)).not.toContain('claude-opus-4-8');
    expect(authorise(caller(), 'claude-opus-4-7').model.id).toBe('claude-opus-4-7');
  });
});

describe('an answer for one developer', () => {
  const policies = [
    policy({ availableModels: ['haiku'] }, undefined, 'example.test'),
    policy({ availableModels: ['sonnet-4-6'] }, ['a']),
    policy({ availableModels: ['opus-4-8'] }, ['b']),
  ];

  it('is never given to another', () => {
    const { authorise } = authorisation(policies);
    const people: [Partial<Caller>, string][] = [
      [{ email: 'x@example.test', groups: [] }, 'claude-haiku-4-5'],
      [{ email: 'X@EXAMPLE.TEST', groups: ['b'] }, 'claude-haiku-4-5'],
      [{ email: 'x@other.test', groups: ['a'] }, 'claude-sonnet-4-6'],
      [{ email: undefined, groups: ['a', 'b'] }, 'claude-sonnet-4-6'],
      [{ email: undefined, groups: ['b'] }, 'claude-opus-4-8'],
      [{ email: 'example.test', groups: ['b'] }, 'claude-opus-4-8'],
    ];
    for (let round = 0; round < 2; round += 1)
      for (const [who, model] of people)
        for (const [, asked] of people) {
          const ask = () => authorise(caller(who), asked);
          if (asked === model) expect(ask().model.id).toBe(model);
          else expect(refusalOf(ask).code).toBe('model_not_allowed');
        }
  });

  it('is the same the second time', () => {
    const { authorise } = authorisation(policies);
    const who = caller({ groups: ['a'], email: undefined });
    expect(authorise(who, 'claude-sonnet-4-6').model).toBe(authorise(who, 'claude-sonnet-4-6').model);
    for (let i = 0; i < 2; i += 1)
      expect(refusalOf(() => authorise(who, 'claude-opus-4-8')).status).toBe(400);
  });

  it('is looked up anew for a name that only the client knows, so that nobody fills the memory with names', () => {
    const { authorise } = authorisation([], { forwardsUnknown: true });
    const who = caller();
    expect(authorise(who, 'claude-next-9').model).not.toBe(authorise(who, 'claude-next-9').model);
    expect(refusalOf(() => authorise(who, 'x'.repeat(201))).code).toBe('model_unknown');
  });

  it('names no more than twenty models', () => {
    const denied = authorisation([policy({ deniedModels: ['claude-opus-4-8'] })], {
      models: Array.from({ length: 30 }, (_, i) => ({
        id: `own-${i}`,
        label: undefined,
        description: undefined,
        upstreamModel: { anthropic: 'x' },
      })),
    });
    const { message } = refusalOf(() => denied.authorise(caller(), 'claude-opus-4-8'));
    expect(message).toMatch(/(?:[\w-]+, ){19}[\w-]+, … \(\d+ in all\)$/);
    expect(refusalOf(() => denied.authorise(caller(), 'x'.repeat(1000))).message.length).toBeLessThan(300);
  });
});
