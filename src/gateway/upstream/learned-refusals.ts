import type { Clock } from '../../kernel/clock.ts';
import { escapeControl, type Log } from '../../kernel/log.ts';
import { scanBody } from '../http/body-scan.ts';
import { withoutMembers } from '../http/splice.ts';
import { messageOf } from './cloud-error-shapes.ts';
import { refusedName, refusesSomeBeta } from './cloud-error-words.ts';
import { canDoWithout, harmlessField, placesOf } from './harmless.ts';
import type { ClientHead, LearntRefusal, OutgoingRequest, Provider, Refusal } from './provider.ts';
import { clientHeader } from './request-headers.ts';

/** What to leave out: what the upstream refuses and can be spared, nothing, or these betas and fields in any case. */
export type StripRule = 'auto' | false | readonly string[];

/** Names of betas, and of fields as in the table of harmless ones. */
export interface Omissions {
  readonly betas: ReadonlySet<string>;
  readonly fields: ReadonlySet<string>;
}

/** What one upstream has been found to refuse, by its model ids. */
export interface Refused {
  of(model: string): Omissions | undefined;
  learn(model: string, kind: keyof Omissions, name: string): void;
  /** All that has been learnt and holds; the same array until that changes. */
  learnt(): readonly LearntRefusal[];
}

export interface RefusedParts {
  readonly clock: Clock;
  readonly log: Log;
}

const LEARNT_FOR_MS = 24 * 3_600_000;
const MOST_MODELS = 200;
const MOST_FACTS = 50;

/** Remembers a refusal for 24 hours, and of too many the newest. */
export function createRefused(upstreamName: string, { clock, log }: RefusedParts): Refused {
  const models = new Map<string, Map<string, { readonly kind: keyof Omissions; readonly untilMs: number }>>();
  let listed: { readonly refusals: readonly LearntRefusal[]; readonly untilMs: number } | undefined;

  const list = () => {
    const nowMs = clock.monotonicMs();
    const holding = [...models].flatMap(([model, facts]) =>
      [...facts].flatMap(([name, { untilMs }]) => (untilMs > nowMs ? [{ model, name, untilMs }] : [])),
    );
    const refusals = holding.map(({ model, name }) => ({ model, name }));
    return { refusals, untilMs: Math.min(...holding.map(({ untilMs }) => untilMs)) };
  };

  return {
    learnt() {
      if (!listed || listed.untilMs <= clock.monotonicMs()) listed = list();
      return listed.refusals;
    },
    of(model) {
      const facts = models.get(model);
      if (!facts) return undefined;
      const nowMs = clock.monotonicMs();
      for (const [name, { untilMs }] of facts) if (untilMs <= nowMs) facts.delete(name);
      if (facts.size === 0) models.delete(model);
      const named = (kind: keyof Omissions) =>
        new Set([...facts].flatMap(([name, fact]) => (fact.kind === kind ? [name] : [])));
      return { betas: named('betas'), fields: named('fields') };
    },
    learn(model, kind, name) {
      const facts = models.get(model) ?? new Map();
      listed = undefined;
      if (!facts.has(name))
        log.warn(
          `upstream ${upstreamName}: ${escapeControl(model).slice(0, 200)} refuses ${name}, which is left out there for 24 hours`,
        );
      keepNewest(facts, name, { kind, untilMs: clock.monotonicMs() + LEARNT_FOR_MS }, MOST_FACTS);
      keepNewest(models, model, facts, MOST_MODELS);
    },
  };
}

function keepNewest<K, V>(map: Map<K, V>, key: K, value: V, most: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= most) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}

/**
 * The provider, without what its upstream refuses and a request can be spared. What it refuses is learnt from its
 * answers: the request goes out once more without it, and later ones at once. Nothing is looked at in a body before
 * that, and neither `safeguards` nor its beta is ever left out.
 */
export function withoutRefused(
  provider: Provider,
  { name, strip }: { readonly name: string; readonly strip: StripRule },
  parts: RefusedParts,
): Provider {
  if (strip === false) return provider;
  const refused = strip === 'auto' ? createRefused(name, parts) : always(strip);
  const rewritten = new WeakMap<OutgoingRequest, OutgoingRequest>();
  const asSent = (request: OutgoingRequest): OutgoingRequest => rewritten.get(request) ?? request;
  const { translate } = provider;

  return {
    ...provider,
    prepare(request) {
      const omissions = refused.of(request.upstreamModel);
      const sent = omissions ? without(request, omissions, strip !== 'auto') : request;
      if (sent !== request) rewritten.set(request, sent);
      return provider.prepare(sent);
    },
    judge(refusal) {
      const sent = asSent(refusal.request);
      const judgement = provider.judge({ ...refusal, request: sent });
      if (strip !== 'auto' || judgement.verdict !== 'request' || refusal.status !== 400) return judgement;
      const fact = spared(refusal, sent);
      if (!fact) return judgement;
      refused.learn(sent.upstreamModel, fact.kind, fact.name);
      return { ...judgement, isWorthRepeating: true };
    },
    ...(translate
      ? {
          translate(answer, request) {
            const sent = asSent(request);
            // Another upstream would get the original; a stream must not keep a second body alive that nobody counts.
            if (sent.body !== request.body) sent.body.drop();
            return translate(answer, sent);
          },
        }
      : {}),
    learnt: refused.learnt,
  };
}

const NOTHING_LEARNT: readonly LearntRefusal[] = [];

/** A request that lacks one of these is another request, or none. */
const NEVER_LEFT_OUT = /safeguards|^(?:model|messages|max_tokens|stream|system|tools)$/i;

/** What the operator names is known beforehand, and stays so. */
function always(names: readonly string[]): Refused {
  const strippable = new Set(names.filter((name) => !NEVER_LEFT_OUT.test(name)));
  const omissions = { betas: strippable, fields: strippable };
  return { of: () => omissions, learn: () => undefined, learnt: () => NOTHING_LEARNT };
}

/** What of a request was refused and can be spared; undefined: the client has to know. */
function spared(
  { body }: Refusal,
  sent: OutgoingRequest,
): { readonly kind: keyof Omissions; readonly name: string } | undefined {
  const message = messageOf(body);
  const named = refusedName(message);
  const betas = betasIn(sent.message);
  if (named?.kind === 'field') {
    const name = harmlessField(named.name);
    return name !== undefined && placesOf(name, sent.body).length > 0 ? { kind: 'fields', name } : undefined;
  }
  // Where one beta was sent it need not be named.
  const name = named?.name ?? (refusesSomeBeta(message) && betas.length === 1 ? betas[0] : undefined);
  if (name === undefined || !betas.includes(name)) return undefined;
  return canDoWithout(name, sent.body) ? { kind: 'betas', name } : undefined;
}

/** The request as it is to go out; itself when there is nothing to leave out. */
function without(
  request: OutgoingRequest,
  { betas, fields }: Omissions,
  isOrdered: boolean,
): OutgoingRequest {
  const members = [...fields].flatMap((field) => placesOf(field, request.body));
  const body = members.length > 0 ? scanBody(withoutMembers(request.body.bytes, members)) : request.body;
  const sentBetas = betas.size > 0 ? betasIn(request.message) : [];
  const kept = sentBetas.filter((beta) => !betas.has(beta) || !(isOrdered || canDoWithout(beta, body)));
  if (body === request.body && kept.length === sentBetas.length) return request;
  return {
    ...request,
    body,
    message: kept.length < sentBetas.length ? withBetas(request.message, kept) : request.message,
  };
}

function betasIn(message: ClientHead): readonly string[] {
  return (clientHeader(message, 'anthropic-beta') ?? '')
    .split(',')
    .map((beta) => beta.trim())
    .filter((beta) => beta !== '');
}

function withBetas({ headers, rawHeaders }: ClientHead, betas: readonly string[]): ClientHead {
  return {
    rawHeaders,
    headers: { ...headers, 'anthropic-beta': betas.length > 0 ? betas.join(',') : undefined },
  };
}
