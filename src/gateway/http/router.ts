import { CodedError } from '../../kernel/coded-error.ts';
import type { Log } from '../../kernel/log.ts';
import { type ErrorAnswer, isUnexpected, messagesError, oauthError } from '../errors.ts';
import type { Accepted, Reply } from '../exchange.ts';

export type Handler = (request: Accepted, reply: Reply) => void | Promise<void>;

/** Takes every request. One that the listener refuses comes with the reason, to be answered in its endpoint's envelope. */
export type Router = (request: Accepted, reply: Reply, refusal?: CodedError) => void | Promise<void>;

/** Which envelope an error gets: the Messages API's, OAuth's, or a page for a browser. */
export type Envelope = 'messages' | 'oauth' | 'page';

export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE' | 'HEAD';
  /** Literal path; a segment `:name` matches one segment of any text. */
  readonly path: string;
  readonly envelope: Envelope;
  readonly handle: Handler;
  /** A GET that changes something: HEAD, which whoever looks at a link sends, does not reach it. */
  readonly changesState?: true;
}

export interface RouterOptions {
  readonly routes: readonly Route[];
  /** Draws an error for a person. */
  readonly errorPage: (error: unknown, request: Accepted, reply: Reply) => void;
}

interface Match {
  readonly methods: Methods;
  readonly params: Readonly<Record<string, string>>;
}

type Methods = ReadonlyMap<string, Route>;

const NO_PARAMS: Readonly<Record<string, string>> = Object.freeze({});

/** Finds the endpoint and answers whatever its handler throws, in the endpoint's own envelope. Never rejects. */
export function createRouter({ routes, errorPage }: RouterOptions, log: Log): Router {
  const literal = new Map<string, Map<string, Route>>();
  const patterns: { readonly segments: readonly string[]; readonly methods: Map<string, Route> }[] = [];
  for (const route of routes) addRoute(route, literal, patterns);

  const match = (path: string): Match | undefined => {
    const exact = literal.get(path);
    if (exact) return { methods: exact, params: NO_PARAMS };
    const segments = path.split('/');
    for (const pattern of patterns) {
      const params = paramsOf(pattern.segments, segments);
      if (params) return { methods: pattern.methods, params };
    }
    return undefined;
  };

  const fail = (error: unknown, request: Accepted, reply: Reply, envelope: Envelope): void => {
    if (isUnexpected(error))
      log.error(
        `${request.method} ${request.path} failed request_id=${request.requestId}: ${describe(error)}`,
      );
    if (reply.isOver()) return;
    if (reply.isStarted()) return reply.break();
    if (envelope === 'page') return errorPage(error, request, reply);
    sendError(envelope === 'oauth' ? oauthError(error) : messagesError(error, request.requestId), reply);
  };

  return (request, reply, refusal) => {
    let envelope: Envelope = 'messages';
    try {
      const found = match(request.path);
      if (found) envelope = envelopeOf(found.methods);
      if (refusal) throw refusal;
      if (!found) throw new CodedError('not_found', { facts: { sentence: 'no such endpoint' } });
      const { methods, params } = found;
      const route = routeFor(request.method, methods);
      const routed = params === NO_PARAMS ? request : { ...request, params };
      const done = route.handle(routed, reply);
      if (done) return done.catch((error: unknown) => fail(error, request, reply, envelope));
    } catch (error) {
      fail(error, request, reply, envelope);
    }
  };
}

function sendError(answer: ErrorAnswer, reply: Reply): void {
  reply.json(answer.status, answer.body, answer.headers);
}

function addRoute(
  route: Route,
  literal: Map<string, Map<string, Route>>,
  patterns: { readonly segments: readonly string[]; readonly methods: Map<string, Route> }[],
): void {
  const segments = route.path.split('/');
  if (!segments.some((segment) => segment.startsWith(':'))) {
    const methods = literal.get(route.path) ?? new Map<string, Route>();
    literal.set(route.path, methods.set(route.method, route));
    return;
  }
  const known = patterns.find((pattern) => pattern.segments.join('/') === route.path);
  if (known) known.methods.set(route.method, route);
  else patterns.push({ segments, methods: new Map([[route.method, route]]) });
}

/** One for all methods of a path, so that a wrong method gets it too. */
function envelopeOf(methods: Methods): Envelope {
  const [route] = methods.values();
  return route?.envelope ?? 'messages';
}

/** HEAD works where GET does, unless that changes something. */
function routeFor(method: string, methods: Methods): Route {
  const get = methods.get('GET');
  const head = methods.get('HEAD') ?? (get?.changesState ? undefined : get);
  const route = method === 'HEAD' ? head : methods.get(method);
  if (route) return route;
  const allow = [...methods.keys(), ...(head && !methods.has('HEAD') ? ['HEAD'] : [])].join(', ');
  throw new CodedError('method_not_allowed', { facts: { allow } });
}

function paramsOf(
  pattern: readonly string[],
  segments: readonly string[],
): Readonly<Record<string, string>> | undefined {
  if (pattern.length !== segments.length) return undefined;
  const params: Record<string, string> = {};
  for (const [i, expected] of pattern.entries()) {
    const actual = segments[i] ?? '';
    if (!expected.startsWith(':')) {
      if (actual !== expected) return undefined;
      continue;
    }
    if (actual === '') return undefined;
    try {
      params[expected.slice(1)] = decodeURIComponent(actual);
    } catch {
      // Not percent-encoding: nothing has that name.
      return undefined;
    }
  }
  return params;
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
