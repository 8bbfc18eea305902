import type { Clock } from '../../kernel/clock.ts';
import { CodedError } from '../../kernel/coded-error.ts';
import type { Log } from '../../kernel/log.ts';
import type { Accepted, Answer, Audit, Plan } from '../exchange.ts';
import { createConnectionLimit } from './connection-limit.ts';
import { type Cooldown, createCooldown, type Outcome } from './cooldown.ts';
import { logFailure } from './failure-log.ts';
import { type Failure, finalFailure } from './final-failure.ts';
import type { Endpoint, Provider, Verdict } from './provider.ts';
import { createRouting, type Route } from './routing.ts';
import type { Transport } from './transport.ts';
import { type Asked, createTurns, type Turn, type TurnOptions } from './turn.ts';

export interface Upstream {
  readonly name: string;
  readonly provider: Provider;
  readonly transport: Transport;
  /** Lower ones are asked first; equal ones share the conversations, by weight. */
  readonly priority: number;
  readonly weight: number;
  /** Bound on the requests under way; undefined: none. */
  readonly maxConnections: number | undefined;
}

export interface UpstreamsOptions extends TurnOptions {
  readonly upstreams: readonly Upstream[];
}

export interface UpstreamsParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Audit;
}

/** An upstream that a request was sent to. */
export interface Tried {
  readonly upstreamName: string;
  readonly upstreamModel: string;
}

/** The attempts at one request: `next` asks upstreams in turn until one gives an answer for the client. */
export interface Attempts {
  /**
   * The next answer to relay: a success, or an error that is the client's. When none is left, throws CodedError
   * `upstreams_failed`, `upstream_credentials`, `not_supported`, `request_too_large`, or `client_left` after `abort`.
   */
  next(): Promise<Answer>;
  /** Tells that the answer of the last `next` broke off on its way to the client. */
  broke(fault: string): void;
  /** How many upstreams a request was sent to. */
  tried(): number;
  /** The last of them, whether it answered or not. */
  last(): Tried | undefined;
  /** Ends whatever is under way; `next` then rejects. */
  abort(): void;
}

export type Send = (plan: Plan, endpoint: Endpoint, request: Accepted) => Attempts;

/** Longer ones are not kept in memory. */
const LONGEST_SESSION_ID = 200;

/** An upstream with what the process remembers of it. */
interface Target extends Asked {
  readonly priority: number;
  readonly weight: number;
  /** Undefined when there is no other upstream to go to. */
  readonly cooldown: Cooldown | undefined;
}

/** Sends a planned request to one upstream after the other, those in their cooldown last. */
export function createUpstreams({ upstreams, ttfbMs }: UpstreamsOptions, parts: UpstreamsParts): Send {
  const { log } = parts;
  const targets = upstreams.map((upstream) => openTarget(upstream, upstreams.length > 1, parts));
  const route = createRouting(targets, parts.clock);
  const takeTurn = createTurns({ ttfbMs }, parts);

  return (plan, endpoint, request) => {
    const gone = new AbortController();
    const failures: Failure[] = [];
    let routed: Route<Target> | undefined;
    let left: Target[] = [];
    let current: Target | undefined;
    let tried = 0;
    let last: Tried | undefined;
    const question = {
      plan,
      endpoint,
      request,
      gone: gone.signal,
      onSend: (upstreamName: string, upstreamModel: string) => {
        tried += 1;
        last = { upstreamName, upstreamModel };
      },
    };

    const begin = (): Route<Target> => {
      const able = (target: Target): boolean => {
        if (plan.permit.model.upstreamId(target.name) === undefined) return false;
        const unfit = unfitness(target, plan, endpoint);
        if (unfit) failures.push({ verdict: unfit, answer: undefined });
        return !unfit;
      };
      const begun = route(able, () => conversationOf(request, plan));
      left = [...begun.order];
      return begun;
    };

    const turnOf = async (target: Target, cooldown: Cooldown): Promise<Turn> => {
      const trial = cooldown.begin();
      let outcome: Outcome = { kind: 'unknown' };
      try {
        const turn = await takeTurn(target, question);
        outcome = turn.outcome;
        return turn;
      } finally {
        cooldown.finish(trial, outcome, request.requestId);
      }
    };

    return {
      tried() {
        return tried;
      },
      last() {
        return last;
      },
      abort() {
        gone.abort();
      },
      broke(fault) {
        if (!current) return;
        failures.push({ verdict: 'broken', answer: undefined });
        logFailure(log, current.name, 'broken', `broke off: ${fault}`, request.requestId);
      },
      async next() {
        routed ??= begin();
        for (;;) {
          const target = nextOf(left);
          if (!target) return finalFailure(failures, upstreams.length);
          const { cooldown } = target;
          const turn = await (cooldown ? turnOf(target, cooldown) : takeTurn(target, question));
          if (gone.signal.aborted) {
            // Nobody will want what is on its way.
            if (turn.kind === 'answer') turn.answer.source.abort();
            throw new CodedError('client_left');
          }
          if (turn.kind === 'turned_away') continue;
          left.splice(left.indexOf(target), 1);
          if (turn.kind === 'failure') {
            failures.push(turn.failure);
            continue;
          }
          current = target;
          if (endpoint === 'messages' && turn.answer.status < 300) routed.served(target);
          return turn.answer;
        }
      },
    };
  };
}

function openTarget(
  { name, provider, transport, priority, weight, maxConnections }: Upstream,
  hasOthers: boolean,
  parts: UpstreamsParts,
): Target {
  const limit = maxConnections === undefined ? undefined : createConnectionLimit(name, maxConnections, parts);
  // Whoever waits for a place may be served elsewhere sooner.
  const onStart = (): void => limit?.turnAway();
  const cooldown = hasOthers ? createCooldown(name, { ...parts, onStart }) : undefined;
  return { name, provider, transport, priority, weight, limit, cooldown };
}

/** The first that does not cool down; when all that are left do, the first of them. */
function nextOf(left: readonly Target[]): Target | undefined {
  return left.find(({ cooldown }) => cooldown?.health() !== 'cooling') ?? left[0];
}

/** Why an upstream that knows the model is not asked all the same. */
function unfitness({ provider }: Target, { body }: Plan, endpoint: Endpoint): Verdict | undefined {
  if (endpoint === 'count_tokens' && !provider.countsTokens) return 'unsupported';
  if (body.bytes.length > (provider.maxBodyBytes ?? Number.POSITIVE_INFINITY)) return 'too_large';
  return undefined;
}

/** What an upstream's prompt cache is good for: a client's session, or a developer whose client has none. */
function conversationOf({ headers }: Accepted, { permit }: Plan): string {
  const id = headers['x-claude-code-session-id'];
  const { sub } = permit.caller;
  return typeof id === 'string' && id !== '' && id.length <= LONGEST_SESSION_ID ? `${sub}\0${id}` : sub;
}
