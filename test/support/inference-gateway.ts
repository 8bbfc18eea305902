import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { buildConnector } from 'undici';
import { onTestFinished } from 'vitest';
import type {
  Accepted,
  Audit,
  AuditFields,
  Caller,
  CatalogModel,
  Permit,
} from '../../src/gateway/exchange.ts';
import { createBodyReader } from '../../src/gateway/http/body.ts';
import { createRouter } from '../../src/gateway/http/router.ts';
import { createHttpServer } from '../../src/gateway/http/server.ts';
import { type AdmissionParts, createAdmission } from '../../src/gateway/limits/admission.ts';
import { createBodyBudget } from '../../src/gateway/limits/body-budget.ts';
import { createInference } from '../../src/gateway/pipeline.ts';
import { createSettingsMark } from '../../src/gateway/policy/settings-mark.ts';
import { createRelay, type RelayOptions } from '../../src/gateway/relay/relay.ts';
import type { Provider } from '../../src/gateway/upstream/provider.ts';
import { type AnthropicOptions, createAnthropic } from '../../src/gateway/upstream/providers/anthropic.ts';
import { createTransport } from '../../src/gateway/upstream/transport.ts';
import { createUpstreams } from '../../src/gateway/upstream/upstreams.ts';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { CodedError } from '../../src/kernel/coded-error.ts';
import type { Log } from '../../src/kernel/log.ts';
import { secret } from '../../src/kernel/secret.ts';

export interface TestUpstream {
  readonly name: string;
  readonly url: string;
  readonly options?: Partial<AnthropicOptions>;
  /** The id it receives for a client's model; the model itself unless given. */
  readonly modelIds?: Readonly<Record<string, string>>;
  /** In place of the Anthropic API's. */
  readonly provider?: Provider;
  /** Changes to the provider's descriptor. */
  readonly descriptor?: Partial<Provider>;
  /** Its place in the list unless given. */
  readonly priority?: number;
  readonly weight?: number;
  readonly maxConnections?: number;
}

export interface TestGatewayOptions {
  readonly ttfbMs?: number;
  readonly idleMs?: number;
  readonly relay?: RelayOptions;
  readonly maxBytes?: number;
  readonly caller?: Partial<Caller>;
  /** What the choice among upstreams goes by. */
  readonly upstreamClock?: Clock;
  /** Who asks, where several do. */
  readonly callerOf?: (request: Accepted) => Partial<Caller>;
  /** Limits; there are none unless given. */
  readonly admission?: Partial<AdmissionParts>;
}

export interface TestGateway {
  readonly url: string;
  /** The `inference` events so far. */
  readonly events: readonly AuditFields[];
  /** The `upstream.cooldown` events so far. */
  readonly cooldowns: readonly AuditFields[];
  /** Resolves with the event of that number, past or future. */
  event(index?: number): Promise<AuditFields>;
  readonly log: readonly string[];
  close(): Promise<void>;
}

/** Inference behind the real listener, with every model allowed but `forbidden-model`. */
export async function startInferenceGateway(
  upstreams: readonly TestUpstream[],
  options: TestGatewayOptions = {},
): Promise<TestGateway> {
  const events: AuditFields[] = [];
  const lines: string[] = [];
  const cooldowns: AuditFields[] = [];
  const waiting: (() => void)[] = [];
  const log = memoryLog(lines);
  const audit: Audit = (name, _requestId, fields) => {
    (name === 'inference' ? events : cooldowns).push(fields);
    for (const wake of waiting.splice(0)) wake();
  };
  const transports = upstreams.map(({ url }) =>
    createTransport({
      origin: new URL(url).origin,
      connect: buildConnector({ timeout: 2_000, allowH2: false }),
      idleTimeoutMs: options.idleMs ?? 600_000,
    }),
  );
  const inference = createInference({
    admit: createAdmission({
      auditTrail: { pass: () => undefined },
      overload: { pass: () => undefined },
      enterDeveloper: () => () => undefined,
      bodies: createBodyBudget({ maxBytes: 1024 ** 3 }, systemClock),
      ...options.admission,
    }),
    readBody: createBodyReader({ maxBytes: options.maxBytes ?? 32 * 1024 * 1024 }),
    authorise: (caller, model) => permit(upstreams, caller, model),
    send: createUpstreams(
      {
        upstreams: upstreams.map((upstream, i) => ({
          name: upstream.name,
          priority: upstream.priority ?? i,
          weight: upstream.weight ?? 1,
          maxConnections: upstream.maxConnections,
          provider: {
            ...(upstream.provider ?? anthropicFor(upstream, log)),
            ...upstream.descriptor,
          },
          transport: transports[i] as (typeof transports)[number],
        })),
        ttfbMs: options.ttfbMs ?? 120_000,
      },
      { audit, log, clock: options.upstreamClock ?? systemClock },
    ),
    relay: createRelay(systemClock, options.relay),
    audit,
    markSettings: createSettingsMark([secret('a secret of the tests')]),
    clock: systemClock,
  });
  const caller: Caller = {
    sub: 'dev-1',
    email: 'dev@example.test',
    name: undefined,
    groups: [],
    sid: 'sid-1',
    expiresAtMs: Number.POSITIVE_INFINITY,
    ...options.caller,
  };
  const handle = createRouter(
    {
      routes: (['messages', 'count_tokens'] as const).map((endpoint) => ({
        method: 'POST',
        path: endpoint === 'messages' ? '/v1/messages' : '/v1/messages/count_tokens',
        envelope: 'messages',
        handle: (request, reply) =>
          inference(endpoint, request, reply, { ...caller, ...options.callerOf?.(request) }),
      })),
      errorPage: () => undefined,
    },
    log,
  );
  const server = createHttpServer(
    {
      host: '127.0.0.1',
      port: 0,
      tls: undefined,
      keepAliveSeconds: 60,
      maxRequestHeaderBytes: undefined,
      maxUrlLength: undefined,
    },
    {
      handle,
      clientAddress: () => ({ kind: 'unknown' }),
      admit: () => ({ kind: 'admitted', ip: '127.0.0.1' }),
      log,
      clock: systemClock,
    },
  );
  const { port } = await server.listen();
  return {
    url: `http://127.0.0.1:${port}`,
    events,
    cooldowns,
    log: lines,
    async event(index = 0) {
      for (;;) {
        const found = events[index];
        if (found) return found;
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
    async close() {
      await server.close(AbortSignal.abort());
      await Promise.all(transports.map((transport) => transport.close()));
    },
  };
}

/** The same for one test, with which it ends. */
export async function openForTest(
  upstreams: readonly TestUpstream[],
  options?: TestGatewayOptions,
): Promise<TestGateway> {
  const gateway = await startInferenceGateway(upstreams, options);
  onTestFinished(gateway.close);
  return gateway;
}

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The answer ended as HTTP says an answer ends. */
  readonly isComplete: boolean;
}

export interface PostOptions {
  readonly path?: string;
  readonly headers?: Record<string, string | string[]>;
  readonly signal?: AbortSignal;
}

export const request = { model: 'claude-test', max_tokens: 100, messages: [{ role: 'user', content: 'hi' }] };

/** Posts and hands back the answer once its head is here; the caller reads the rest. */
export function open(
  gateway: TestGateway,
  body: unknown,
  { path = '/v1/messages', headers = {}, signal }: PostOptions = {},
): Promise<IncomingMessage> {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      `${gateway.url}${path}`,
      {
        method: 'POST',
        agent: false,
        headers: { 'content-type': 'application/json', 'content-length': bytes.length, ...headers },
        ...(signal ? { signal } : {}),
      },
      resolve,
    );
    sent.on('error', reject);
    sent.end(bytes);
  });
}

/** Reads an answer to its end, good or bad. */
export function readAll(answer: IncomingMessage): Promise<Answered> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    answer.on('data', (chunk: Buffer) => chunks.push(chunk));
    answer.on('error', () => undefined);
    answer.once('close', () =>
      resolve({
        status: answer.statusCode ?? 0,
        headers: answer.headers,
        body: Buffer.concat(chunks),
        isComplete: answer.complete,
      }),
    );
  });
}

export async function post(gateway: TestGateway, body: unknown, options?: PostOptions): Promise<Answered> {
  return readAll(await open(gateway, body, options));
}

/** The error type and message of a Messages API envelope. */
export function errorOf({ body }: Answered): { readonly type: string; readonly message: string } {
  return JSON.parse(body.toString()).error;
}

function anthropicFor({ name, url, options }: TestUpstream, log: Log): Provider {
  return createAnthropic(
    {
      baseUrl: url,
      credential: { kind: 'api_key', apiKey: secret('sk-ant-api-upstream') },
      headers: {},
      forwardUserIdentity: false,
      ...options,
    },
    { name, clock: systemClock, log, fetch },
  );
}

function permit(upstreams: readonly TestUpstream[], caller: Caller, clientModel: string): Permit {
  const requestedModel = clientModel.replace(/\[1m\]$/i, '');
  if (requestedModel === 'forbidden-model') {
    throw new CodedError('model_not_allowed', { facts: { model: requestedModel, allowed: 'claude-test' } });
  }
  const model: CatalogModel = {
    id: requestedModel,
    displayName: requestedModel,
    description: undefined,
    createdAt: '2026-01-01T00:00:00Z',
    maxInputTokens: null,
    maxOutputTokens: null,
    upstreamId(name) {
      const ids = upstreams.find((upstream) => upstream.name === name)?.modelIds;
      return ids ? ids[requestedModel] : requestedModel;
    },
  };
  return { caller, model, requestedModel } as unknown as Permit;
}

function memoryLog(lines: string[]): Log {
  const write = (level: string) => (text: string) => {
    lines.push(`${level} ${text}`);
  };
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    isEnabled: () => true,
  };
}
