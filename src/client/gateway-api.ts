import type { Readable } from 'node:stream';
import { z } from 'zod';
import { CodedError } from '../kernel/coded-error.ts';
import type { ErrorCode } from '../kernel/error-codes.ts';
import { paths } from '../kernel/protocol.ts';
import type { GatewayConnection, GatewayResponse } from './gateway-connection.ts';
import { type JsonAnswer, parseJson, readText, requestJson, retryAfterSeconds } from './json-request.ts';
import { printable } from './printable.ts';

export interface Model {
  readonly id: string;
  readonly displayName: string;
}

/** One spending cap and how full it is. */
export interface Cap {
  readonly period: string;
  readonly percent: number;
  readonly resetsAt: string;
}

/** The developer's own spending as the gateway reports it. */
export interface Usage {
  readonly caps: readonly Cap[];
  /** Cents of `currency` spent this month. */
  readonly usedCents: number;
  readonly limitCents: number | undefined;
  readonly currency: string;
}

/** What a gateway tells the Claude clients of one developer to do. */
export interface ServedSettings {
  readonly checksum: string;
  readonly settings: Readonly<Record<string, unknown>>;
  /** The whole answer as it came. */
  readonly json: unknown;
}

/** The endpoints of a gateway that the command line calls with a session. */
export interface GatewayApi {
  /** Every model this developer may use, in the gateway's order. */
  models(): Promise<readonly Model[]>;
  /** The answer of the models endpoint as it came; its pages joined. */
  modelsJson(): Promise<unknown>;
  /** `undefined` where no policy applies to this developer and nothing is pushed. */
  settings(): Promise<ServedSettings | undefined>;
  /** `undefined` where spending is not metered. */
  usage(): Promise<Usage | undefined>;
  /** Sends a Messages API body and resolves when the answer's headers are there. Throws for any status but 200. */
  sendMessage(body: unknown, signal: AbortSignal): Promise<GatewayResponse & { readonly body: Readable }>;
}

export interface GatewayApiOptions {
  readonly connect: () => Promise<GatewayConnection>;
  readonly token: () => Promise<string>;
  /** The token to try instead of one that the gateway refused. */
  readonly renewedToken: (refused: string) => Promise<string>;
  /** The gateway's origin, for messages. */
  readonly gateway: string;
}

/**
 * Calls a gateway. A token that it refuses is renewed and the call repeated once. Its refusals throw `gateway_refused` (policy, cap, permission), `session_over`, `rate_limited`,
 * `overloaded`, `request_too_large` or `upstreams_failed` with the gateway's own sentence in `facts.message`, cleaned
 * for printing; what is not an answer of a gateway throws `gateway_answer`.
 */
export function createGatewayApi({ connect, token, renewedToken, gateway }: GatewayApiOptions): GatewayApi {
  async function get(path: string): Promise<JsonAnswer> {
    const connection = await connect();
    const ask = (bearer: string) => {
      const headers = { authorization: `Bearer ${bearer}`, accept: 'application/json' };
      return requestJson(connection, { method: 'GET', path, headers });
    };
    const first = await token();
    const answer = await ask(first);
    return answer.status === UNAUTHENTICATED ? ask(await renewedToken(first)) : answer;
  }

  async function modelPages(): Promise<readonly z.infer<typeof modelsFormat>[]> {
    const pages = [];
    let after = '';
    do {
      const answer = await get(
        `${paths.models}?limit=1000${after && `&after_id=${encodeURIComponent(after)}`}`,
      );
      if (answer.status !== 200) throw refusal(answer, gateway);
      const page = modelsFormat.safeParse(answer.json);
      if (!page.success) throw notUnderstood('its list of models makes no sense');
      pages.push(page.data);
      after = page.data.has_more && page.data.last_id ? page.data.last_id : '';
    } while (after && pages.length < 100);
    return pages;
  }

  return {
    async models() {
      const pages = await modelPages();
      return pages.flatMap(({ data }) =>
        data.map(({ id, display_name }) => ({
          id: printable(id),
          displayName: printable(display_name ?? ''),
        })),
      );
    },
    async modelsJson() {
      const pages = await modelPages();
      return { data: pages.flatMap(({ data }) => data) };
    },
    async settings() {
      const answer = await get(paths.managedSettings);
      if (answer.status === 404) return undefined;
      if (answer.status !== 200) throw refusal(answer, gateway);
      const parsed = settingsFormat.safeParse(answer.json);
      if (!parsed.success) throw notUnderstood('its managed settings make no sense');
      return { ...parsed.data, json: answer.json };
    },
    async usage() {
      const answer = await get(paths.usage);
      if (answer.status === 404) return undefined;
      if (answer.status !== 200) throw refusal(answer, gateway);
      return readUsage(answer.json);
    },
    async sendMessage(body, signal) {
      const connection = await connect();
      const send = (bearer: string) =>
        connection.request({
          method: 'POST',
          path: paths.messages,
          headers: {
            authorization: `Bearer ${bearer}`,
            'content-type': 'application/json',
            'anthropic-version': '2023-06-01',
            'user-agent': 'sallyport',
          },
          body: JSON.stringify(body),
          signal,
        });
      const first = await token();
      let response = await send(first);
      if (response.status === UNAUTHENTICATED) {
        await readText(response);
        response = await send(await renewedToken(first));
      }
      if (response.status === 200) return response;
      const text = await readText(response);
      throw refusal({ status: response.status, headers: response.headers, json: parseJson(text) }, gateway);
    },
  };
}

const UNAUTHENTICATED = 401;

const modelsFormat = z.object({
  data: z.array(z.looseObject({ id: z.string(), display_name: z.string().optional() })),
  has_more: z.boolean().optional(),
  last_id: z.string().nullish(),
});

const settingsFormat = z.object({
  checksum: z.string().max(200),
  settings: z.record(z.string(), z.unknown()),
});

const usageFormat = z.object({
  extra_usage: z.object({
    monthly_limit: z.number().nullable(),
    used_credits: z.number(),
    currency: z.string().max(8),
  }),
  limits: z.array(
    z.object({ group: z.string().max(32), percent: z.number(), resets_at: z.string().max(64) }),
  ),
});

function readUsage(json: unknown): Usage {
  const parsed = usageFormat.safeParse(json);
  if (!parsed.success) throw notUnderstood('its report of your spending makes no sense');
  const { extra_usage: spent, limits } = parsed.data;
  return {
    caps: limits.map(({ group, percent, resets_at }) => ({
      period: printable(group),
      percent,
      resetsAt: printable(resets_at),
    })),
    usedCents: spent.used_credits,
    limitCents: spent.monthly_limit ?? undefined,
    currency: printable(spent.currency),
  };
}

const envelope = z.object({ error: z.object({ type: z.string(), message: z.string() }) });

/** What a gateway's refusal means for a developer. */
function refusal({ status, headers, json }: JsonAnswer, gateway: string): CodedError {
  if (status === UNAUTHENTICATED) return new CodedError('session_over', { facts: { gateway } });
  const parsed = envelope.safeParse(json);
  if (!parsed.success) return notUnderstood(`it answered ${status} without saying why`);
  const { type, message } = parsed.data.error;
  const seconds = retryAfterSeconds(headers);
  return new CodedError(codeOf(status, type), {
    facts: { message: printable(message), ...(seconds === undefined ? {} : { seconds }) },
  });
}

function codeOf(status: number, type: string): ErrorCode {
  if (status === 413) return 'request_too_large';
  if (status === 529) return 'overloaded';
  if (status === 429) return type === 'billing_error' ? 'gateway_refused' : 'rate_limited';
  return status >= 500 ? 'upstreams_failed' : 'gateway_refused';
}

function notUnderstood(why: string): CodedError {
  return new CodedError('gateway_answer', { facts: { why } });
}
