import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { type Forwarder, startForwarder } from '../../src/client/forwarder.ts';
import type { GatewayConnection } from '../../src/client/gateway-connection.ts';
import { parseGatewayUrl } from '../../src/client/gateway-url.ts';
import { reachGateway } from '../../src/client/reach-gateway.ts';
import { CodedError } from '../../src/kernel/coded-error.ts';
import { startStandIn } from './stand-in-gateway.ts';
import { createTestMachine } from './test-machine.ts';

const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Options {
  readonly raw?: (request: IncomingMessage, response: ServerResponse) => void;
  readonly currentToken?: () => Promise<string>;
  readonly renewedToken?: (refused: string) => Promise<string>;
  readonly connect?: () => Promise<GatewayConnection>;
}

async function start({
  raw = (_request, response) => void response.end('ok'),
  currentToken = async () => 'token',
  ...more
}: Options) {
  const gateway = await startStandIn({ raw });
  closing.push(gateway.close);
  const machine = createTestMachine({});
  const url = parseGatewayUrl(gateway.origin);
  const { connection } = await reachGateway(url, { machine, env: {}, internalNetworks: () => [] });
  closing.push(connection.close);
  const forwarder = await startForwarder({
    connect: async () => connection,
    currentToken,
    renewedToken: async () => 'renewed',
    describe: (error) => `described: ${error instanceof CodedError ? error.code : error}`,
    ...more,
  });
  closing.push(forwarder.close);
  return { gateway, forwarder };
}

const post = ({ url, secret }: Forwarder, init: RequestInit = {}) =>
  fetch(`${url}/v1/messages?beta=true`, {
    method: 'POST',
    body: '{"model":"m"}',
    ...init,
    headers: { authorization: `Bearer ${secret}`, ...init.headers },
  });

describe('the forwarder', () => {
  it('puts the token in place of its secret and passes the rest on unchanged', async () => {
    let seen: IncomingMessage | undefined;
    let body = '';
    const { forwarder, gateway } = await start({
      raw: async (request, response) => {
        seen = request;
        body = await text(request);
        response.writeHead(201, { 'x-answer': 'yes', 'content-type': 'application/json' }).end('{"a":1}');
      },
    });
    const headers = { 'anthropic-beta': 'a,b', cookie: 'c=1', 'x-api-key': 'not-mine' };
    const response = await post(forwarder, { headers });
    expect(response.status).toBe(201);
    expect(response.headers.get('x-answer')).toBe('yes');
    expect(await response.text()).toBe('{"a":1}');
    expect(body).toBe('{"model":"m"}');
    expect(seen?.url).toBe('/v1/messages?beta=true');
    expect(seen?.headers).toMatchObject({ authorization: 'Bearer token', 'anthropic-beta': 'a,b' });
    expect(seen?.headers.host).toBe(`127.0.0.1:${gateway.port}`);
    expect(seen?.headers).not.toHaveProperty('cookie');
    expect(seen?.headers).not.toHaveProperty('x-api-key');
    expect(JSON.stringify(seen?.headers)).not.toContain(forwarder.secret);
  });

  it('asks for the token anew with each request', async () => {
    const tokens: unknown[] = [];
    let round = 0;
    const { forwarder } = await start({
      raw: (request, response) => {
        tokens.push(request.headers.authorization);
        response.end();
      },
      currentToken: async () => {
        round += 1;
        return `token-${round}`;
      },
    });
    await post(forwarder);
    await post(forwarder);
    expect(tokens).toEqual(['Bearer token-1', 'Bearer token-2']);
  });

  it('takes its secret as an x-api-key too', async () => {
    const { forwarder } = await start({});
    const response = await fetch(forwarder.url, { headers: { 'x-api-key': forwarder.secret } });
    expect(response.status).toBe(200);
  });

  it.each([{}, { authorization: 'Bearer wrong' }, { authorization: 'Bearer ' }, { 'x-api-key': 'token' }])(
    'refuses a program that does not know it: %j',
    async (headers: Record<string, string>) => {
      const { forwarder, gateway } = await start({});
      const response = await fetch(forwarder.url, { headers });
      expect(response.status).toBe(401);
      expect(await response.json()).toMatchObject({ type: 'error', error: { type: 'authentication_error' } });
      expect(gateway.connections()).toBe(0);
    },
  );

  it('listens on this machine only', async () => {
    const { forwarder } = await start({});
    expect(forwarder.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(forwarder.secret.length).toBeGreaterThanOrEqual(43);
  });

  it('hands on the first bytes of an answer while the gateway is still sending', async () => {
    let finish = () => {};
    const { forwarder } = await start({
      raw: (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write('event: first\n\n');
        finish = () => void response.end('event: last\n\n');
      },
    });
    const response = await post(forwarder);
    const reader = response.body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('event: first\n\n');
    finish();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('event: last\n\n');
  });

  it('hands on a body while the program is still sending', async () => {
    const pieces: string[] = [];
    const { forwarder } = await start({
      raw: async (request, response) => {
        for await (const piece of request) {
          pieces.push(String(piece));
          if (pieces.length === 1) body.push('second');
          if (pieces.length === 2) body.push(null);
        }
        response.end('done');
      },
    });
    const body = new Readable({ read: () => undefined });
    const url = new URL(forwarder.url);
    const request = httpRequest(url, {
      method: 'POST',
      headers: { authorization: `Bearer ${forwarder.secret}` },
    });
    body.pipe(request);
    body.push('first');
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    expect(await text(response)).toBe('done');
    expect(pieces).toEqual(['first', 'second']);
  });

  it('reads no further ahead than the program does', async () => {
    let written = 0;
    let isFull = () => {};
    const full = new Promise<void>((resolve) => {
      isFull = resolve;
    });
    const total = 64 * 1024 * 1024;
    const { forwarder } = await start({
      raw: (_request, response) => {
        const chunk = Buffer.alloc(64 * 1024);
        const fill = () => {
          while (written < total) {
            written += chunk.length;
            if (!response.write(chunk)) {
              response.once('drain', fill);
              // Quiet for this long means that the far side has stopped reading.
              clearTimeout(quiet);
              quiet = setTimeout(isFull, 200);
              return;
            }
          }
          response.end();
          isFull();
        };
        let quiet = setTimeout(isFull, 5_000);
        fill();
      },
    });
    const request = httpRequest(forwarder.url, { headers: { authorization: `Bearer ${forwarder.secret}` } });
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    await full;
    expect(written).toBeLessThan(total);
    let received = 0;
    for await (const chunk of response) received += (chunk as Buffer).length;
    expect(received).toBe(total);
  });

  it("ends the gateway's request when the program leaves", async () => {
    let left: Promise<unknown> = Promise.resolve();
    const { forwarder } = await start({
      raw: (_request, response) => {
        left = once(response, 'close');
        response.writeHead(200).write('start');
      },
    });
    const controller = new AbortController();
    const response = await post(forwarder, { signal: controller.signal });
    await response.body?.getReader().read();
    controller.abort();
    await left;
  });

  it('breaks the connection when the answer breaks off', async () => {
    const { forwarder } = await start({
      raw: (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write('event: first\n\n', () => response.destroy());
      },
    });
    const response = await post(forwarder);
    await expect(response.text()).rejects.toThrow();
  });

  it('answers with a sentence when the gateway is gone, also in the middle of an upload', async () => {
    const { forwarder, gateway } = await start({});
    await gateway.close();
    const response = await post(forwarder, { body: Buffer.alloc(8 * 1024 * 1024) });
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({ error: { message: 'described: gateway_unreachable' } });
  });

  it('answers with a sentence when the gateway hangs up before it answers', async () => {
    const { forwarder } = await start({
      raw: (request) => void request.once('data', () => request.socket.destroy()),
    });
    const response = await post(forwarder, { body: Buffer.alloc(8 * 1024 * 1024) });
    expect(response.status).toBe(502);
  });

  it('hands on an answer that comes before the body was read', async () => {
    const early = JSON.stringify({
      type: 'error',
      error: { type: 'request_too_large', message: 'too large' },
    });
    const { forwarder } = await start({
      raw: (request, response) => {
        response.writeHead(413, { 'content-type': 'application/json' }).end(early);
        request.resume();
      },
    });
    const response = await post(forwarder, { body: Buffer.alloc(8 * 1024 * 1024) });
    expect([response.status, await response.text()]).toEqual([413, early]);
  });

  it('hands on HEAD and empty answers', async () => {
    const { forwarder } = await start({
      raw: (request, response) => void response.writeHead(request.method === 'HEAD' ? 200 : 204).end(),
    });
    const headers = { authorization: `Bearer ${forwarder.secret}` };
    expect((await fetch(`${forwarder.url}/api/hello`, { method: 'HEAD', headers })).status).toBe(200);
    expect((await fetch(`${forwarder.url}/x`, { headers })).status).toBe(204);
  });

  it.each([
    ['session_over', 401, 'authentication_error'],
    ['gateway_unreachable', 502, 'api_error'],
    ['certificate_changed', 502, 'api_error'],
  ] as const)('answers %s with %i and a sentence', async (code, status, type) => {
    const { forwarder } = await start({ currentToken: () => Promise.reject(new CodedError(code)) });
    const response = await post(forwarder);
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({ type: 'error', error: { type, message: `described: ${code}` } });
  });
});
