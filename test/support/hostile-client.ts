import { rmSync } from 'node:fs';
import { expect } from 'vitest';
import type { Envelope } from '../../src/gateway/http/router.ts';
import type { TokenResponse } from '../../src/kernel/protocol.ts';
import { type Deployment, SECRETS, startDeployment } from './deployment.ts';
import { createDeviceFlow } from './device-flow.ts';
import { newEmbeddedFolder } from './embedded-store.ts';
import { type GatewayProcess, transcript } from './gateway-process.ts';
import { expectNoLeaks } from './leaks.ts';
import { answersIn, exchangeRaw, type RawAnswer } from './raw-http.ts';

/** Stands in every input that must not come out again, in an answer's wake, anywhere in the log. */
export const MARK = 'pomelo-that-nobody-may-see';

export interface RawRequest {
  readonly method?: string;
  readonly path: string;
  /** Lines without their line breaks. */
  readonly headers?: readonly string[];
  /** Its length is announced, unless the headers say something about it. */
  readonly body?: string | Buffer;
}

/** A real gateway process, and a client that sends it whatever it likes. */
export interface Target {
  readonly gateway: GatewayProcess;
  readonly deployment: Deployment;
  readonly tokens: Required<TokenResponse>;
  /** The header line of a developer who is signed in. */
  readonly bearer: string;
  /** Sends bytes and gives the one answer. `end` closes the sending side after them. */
  send(bytes: string | Buffer, options?: { readonly end?: boolean }): Promise<RawAnswer>;
  /** The gateway is alive, and serves developers: as the same process. */
  expectAlive(): Promise<void>;
  /** Nothing of the input, no secret, no fault of the gateway and no line of unreasonable length was printed. */
  expectQuietLog(): void;
  close(): Promise<void>;
}

export async function startTarget(): Promise<Target> {
  const store = await newEmbeddedFolder();
  const often = { max: 100_000, window_seconds: 600 };
  const deployment = await startDeployment({
    store: { embedded: store },
    config: {
      rate_limits: { device_authorization: often, device_verify: often },
      limits: { max_request_bytes: 1_000_000, max_url_length: 8_192 },
    },
  });
  const [gateway] = deployment.gateways;
  const port = Number(new URL(gateway.url).port);
  const tokens = await createDeviceFlow(gateway).signIn();
  return {
    gateway,
    deployment,
    tokens,
    bearer: `Authorization: Bearer ${tokens.access_token}`,
    async send(bytes, options) {
      const { text } = await exchangeRaw(port, bytes, options);
      const answers = answersIn(text).filter(({ status }) => status !== 100);
      expect(answers).toHaveLength(1);
      return answers[0] as RawAnswer;
    },
    async expectAlive() {
      expect(gateway.child.exitCode).toBeNull();
      expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200);
      const headers = { authorization: `Bearer ${tokens.access_token}` };
      expect((await fetch(`${gateway.url}/v1/models`, { headers })).status).toBe(200);
    },
    expectQuietLog() {
      expect(gateway.lines.filter((line) => / error /.test(line))).toEqual([]);
      expect(gateway.lines.filter((line) => line.length > 2_000)).toEqual([]);
      expectNoLeaks(transcript, [...Object.values(SECRETS), tokens.access_token, tokens.refresh_token, MARK]);
    },
    async close() {
      await deployment.close();
      rmSync(store, { recursive: true, force: true });
    },
  };
}

/** The bytes of a request on a connection of its own. */
export function rawRequest({ method = 'GET', path, headers = [], body }: RawRequest): Buffer {
  const content = Buffer.from(body ?? '');
  const isFramed = headers.some((line) => /^(content-length|transfer-encoding):/i.test(line));
  const head = [
    `${method} ${path} HTTP/1.1`,
    'Host: gateway.test',
    'Connection: close',
    ...headers,
    ...(body === undefined || isFramed ? [] : [`Content-Length: ${content.length}`]),
  ];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), content]);
}

/** Checks that an answer is a refusal in the envelope of its endpoint, with the request's id, and gives what it says. */
export function expectRefusal(
  answer: RawAnswer,
  envelope: Envelope,
  status: number | readonly number[],
): string {
  const { headers, body } = answer;
  expect([status].flat()).toContain(answer.status);
  const requestId = headers['request-id'] ?? '';
  expect(requestId).toMatch(/^req_[0-9a-f]{24}$/);
  expect(body).not.toMatch(/node:internal|\.ts:\d|\bat \S+ \(/);
  if (envelope === 'page') {
    expect(headers['content-type']).toMatch(/^text\/html/);
    expect(body).toContain(requestId);
    expect(body).toMatch(/<html lang="/);
    return body;
  }
  expect(headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-store' });
  const parsed: unknown = JSON.parse(body);
  if (envelope === 'oauth') {
    expect(parsed).toEqual({ error: expect.any(String), error_description: expect.any(String) });
  } else {
    const error = { type: expect.any(String), message: expect.any(String) };
    expect(parsed).toEqual({ type: 'error', error, request_id: requestId });
  }
  return body;
}
