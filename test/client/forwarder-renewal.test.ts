import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { type Forwarder, startForwarder } from '../../src/client/forwarder.ts';
import { parseGatewayUrl } from '../../src/client/gateway-url.ts';
import { reachGateway } from '../../src/client/reach-gateway.ts';
import { CodedError } from '../../src/kernel/coded-error.ts';
import { json, startStandIn } from './stand-in-gateway.ts';
import { createTestMachine } from './test-machine.ts';

const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A gateway that takes `accepted` only, and a session that has `stale` until it is renewed. */
async function start({
  accepted = 'fresh',
  renew = async () => 'fresh',
}: {
  readonly accepted?: string;
  readonly renew?: () => Promise<string>;
}) {
  const bodies: string[] = [];
  const refused: string[] = [];
  const gateway = await startStandIn({
    raw: async (request: IncomingMessage, response: ServerResponse) => {
      const { authorization } = request.headers;
      if (authorization !== `Bearer ${accepted}`) {
        json(response, 401, { type: 'error', error: { type: 'authentication_error', message: 'no' } });
        request.resume();
        return;
      }
      bodies.push(await text(request));
      json(response, 200, { ok: true });
    },
  });
  closing.push(gateway.close);
  const { connection } = await reachGateway(parseGatewayUrl(gateway.origin), {
    machine: createTestMachine({}),
    env: {},
    internalNetworks: () => [],
  });
  closing.push(connection.close);
  let token = 'stale';
  const forwarder = await startForwarder({
    connect: async () => connection,
    currentToken: async () => token,
    async renewedToken(rejected) {
      refused.push(rejected);
      token = await renew();
      return token;
    },
    describe: (error) => `described: ${error instanceof CodedError ? error.code : error}`,
  });
  closing.push(forwarder.close);
  return { forwarder, bodies, refused };
}

const post = ({ url, secret }: Forwarder, body: string | Buffer) =>
  fetch(url, { method: 'POST', body, headers: { authorization: `Bearer ${secret}` } });

/** Sends two requests, one after the other, on one connection that it keeps to the end; resolves to their statuses. */
async function uploadTwice({ url, secret }: Forwarder, framing: string, body: Buffer): Promise<string[]> {
  const head = `POST / HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${secret}\r\n${framing}\r\n\r\n`;
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  const lines = createInterface(socket);
  const statuses: string[] = [];
  for (let round = 0; round < 2; round += 1) {
    const answered = new Promise<string>((resolve, reject) => {
      socket.once('error', reject);
      lines.on('line', (line) => line.startsWith('HTTP/1.1 ') && resolve(line.split(' ')[1] ?? ''));
    });
    const sent = new Promise<void>((resolve) =>
      socket.write(Buffer.concat([Buffer.from(head), body]), () => resolve()),
    );
    const [status] = await Promise.all([answered, sent]);
    statuses.push(status);
    lines.removeAllListeners('line');
  }
  socket.destroy();
  return statuses;
}

const MIB = 1024 * 1024;

describe('a token that the gateway refuses', () => {
  it('is renewed and the request sent again, without the program noticing', async () => {
    const { forwarder, bodies, refused } = await start({});
    const body = 'x'.repeat(8 * MIB);
    expect((await post(forwarder, body)).status).toBe(200);
    expect((await post(forwarder, 'two')).status).toBe(200);
    expect(bodies.map((seen) => seen.length)).toEqual([body.length, 3]);
    expect(refused).toEqual(['stale']);
  });

  it('is renewed for requests without a body, too', async () => {
    const { forwarder, refused } = await start({});
    const headers = { 'x-api-key': forwarder.secret };
    expect((await fetch(forwarder.url, { headers })).status).toBe(200);
    expect(refused).toEqual(['stale']);
  });

  it('is renewed once: a second refusal is handed on', async () => {
    const { forwarder, refused } = await start({ accepted: 'another' });
    const response = await post(forwarder, 'one');
    expect([response.status, await response.text()]).toEqual([401, expect.stringContaining('"no"')]);
    expect(refused).toEqual(['stale']);
  });

  it('is renewed for the next request when the body came in chunks', async () => {
    const { forwarder, bodies, refused } = await start({});
    const chunk = Buffer.concat([
      Buffer.from('400000\r\n'),
      Buffer.alloc(4 * MIB, 'x'),
      Buffer.from('\r\n0\r\n\r\n'),
    ]);
    expect(await uploadTwice(forwarder, 'transfer-encoding: chunked', chunk)).toEqual(['401', '200']);
    expect(bodies.map((seen) => seen.length)).toEqual([4 * MIB]);
    expect(refused).toEqual(['stale']);
  });

  it('is renewed for the next request when the body is too large to hold', async () => {
    const { forwarder, bodies, refused } = await start({});
    const body = Buffer.alloc(65 * MIB, 'x');
    expect(await uploadTwice(forwarder, `content-length: ${body.length}`, body)).toEqual(['401', '200']);
    expect(bodies.map((seen) => seen.length)).toEqual([body.length]);
    expect(refused).toEqual(['stale']);
  });

  it.each([
    ['session_over', 401, 'authentication_error'],
    ['temporarily_unavailable', 502, 'api_error'],
  ] as const)(
    'that cannot be renewed (%s) is answered with %i and a sentence',
    async (code, status, type) => {
      const { forwarder } = await start({ renew: () => Promise.reject(new CodedError(code)) });
      const response = await post(forwarder, 'one');
      expect(response.status).toBe(status);
      expect(await response.json()).toEqual({
        type: 'error',
        error: { type, message: `described: ${code}` },
      });
    },
  );

  it('leaves room for later bodies once it is answered', async () => {
    const { forwarder, refused } = await start({ accepted: 'never' });
    const body = Buffer.alloc(20 * MIB);
    for (let round = 0; round < 5; round += 1) {
      expect((await post(forwarder, body)).status).toBe(401);
    }
    expect(refused).toHaveLength(5);
  });
});
