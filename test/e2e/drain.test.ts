import { once } from 'node:events';
import { rmSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Deployment, SECRETS, startDeployment } from '../support/deployment.ts';
import { createDeviceFlow } from '../support/device-flow.ts';
import { newEmbeddedFolder } from '../support/embedded-store.ts';
import { type GatewayProcess, startGatewayProcess, transcript } from '../support/gateway-process.ts';
import { expectNoLeaks } from '../support/leaks.ts';
import { answersIn, type Closed, openRaw, type RawConnection } from '../support/raw-http.ts';
import { answerEvents, startStream } from '../support/upstream.ts';

const HOST = 'Host: gateway.test\r\n';
const PROBE = `GET /healthz HTTP/1.1\r\n${HOST}\r\n`;
const READY = `GET /readyz HTTP/1.1\r\n${HOST}\r\n`;
const EVENTS = answerEvents(['tan', 'ger', 'ine']);

let folder: string;
let deployment: Deployment;
let gateway: GatewayProcess;
let ended: Promise<unknown>;
let accessToken: string;
/** Answers that the upstream has begun and not ended. */
let held: ServerResponse[];

beforeAll(async () => {
  folder = await newEmbeddedFolder();
  deployment = await startDeployment({ store: { embedded: folder } });
  [gateway] = deployment.gateways;
  ({ access_token: accessToken } = await createDeviceFlow(gateway).signIn());
});

beforeEach(() => {
  held = [];
  deployment.upstream.answer = (_request, response) => {
    startStream(response);
    response.write(EVENTS[0]);
    held.push(response);
  };
});

afterAll(async () => {
  await gateway?.stop('SIGKILL');
  await deployment?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Takes the place of the gateway before: same store, same port. */
async function start(shutdown: object, env: Readonly<Record<string, string>> = {}): Promise<void> {
  await gateway.stop();
  gateway = await startGatewayProcess({
    config: JSON.stringify({ ...deployment.configs[0], shutdown }),
    env: { CLAUDE_GATEWAY_ALLOW_LOOPBACK: '1', ...env },
  });
  ended = once(gateway.child, 'close');
}

const open = (): Promise<RawConnection> => openRaw(Number(new URL(gateway.url).port));

/** A connection whose streamed answer has begun. */
async function openStream(): Promise<RawConnection> {
  const body = JSON.stringify({
    model: 'claude-sonnet-4-5',
    max_tokens: 9,
    stream: true,
    messages: [{ role: 'user', content: 'a tangerine' }],
  });
  const connection = await open();
  connection.send(
    `POST /v1/messages HTTP/1.1\r\n${HOST}Authorization: Bearer ${accessToken}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  await connection.received(/message_start/);
  return connection;
}

/** A connection that has had an answer and is kept open. */
async function openIdle(): Promise<RawConnection> {
  const connection = await open();
  connection.send(PROBE);
  expect(await connection.received(/"ok"/)).toMatch(/\r\nconnection: keep-alive\r\n/i);
  return connection;
}

/** Sends the signal and waits until the gateway says that it stops. */
async function tellToStop(signal: NodeJS.Signals = 'SIGTERM'): Promise<string> {
  gateway.child.kill(signal);
  return gateway.line(/ info stopping: \d+ client request/);
}

async function ask(request: string): Promise<Closed> {
  const connection = await open();
  connection.send(request);
  return connection.closed;
}

/** Waits for the end that is on its way. */
async function expectCleanEnd(): Promise<void> {
  await ended;
  expect(gateway.child.exitCode).toBe(0);
  expect(gateway.lines.at(-1)).toContain('"evt":"gateway.stop"');
}

describe('SIGTERM', () => {
  it('makes the gateway unready at once, and it goes on answering until the delay is over and the streams have ended', async () => {
    await start({ delay_seconds: 2, grace_seconds: 60 });
    const [stream, idle] = [await openStream(), await openIdle()];
    expect(await tellToStop()).toMatch(
      / 1 client request is open; waiting for them until \d{4}-.*Z at most$/,
    );
    expect(gateway.lines.join('\n')).toMatch(/new connections are accepted until \d{4}-.*Z$/m);

    const [ready] = answersIn((await ask(READY)).text);
    expect(ready).toMatchObject({ status: 503, headers: { connection: 'close' } });
    expect(JSON.parse(ready?.body ?? '')).toEqual({ status: 'draining' });

    idle.send(PROBE);
    const { text, isReset } = await idle.closed;
    expect(answersIn(text).map(({ headers }) => headers['connection'])).toEqual(['keep-alive', 'close']);
    expect(isReset).toBe(false);

    let answered = 0;
    let last: Closed | undefined;
    for (;;) {
      last = await ask(PROBE).catch(() => undefined);
      if (last === undefined || last.text === '') break;
      expect(answersIn(last.text)[0]).toMatchObject({ status: 200, headers: { connection: 'close' } });
      expect(last.isReset).toBe(false);
      answered += 1;
    }
    expect(answered).toBeGreaterThan(0);
    await expect(open()).rejects.toThrow('ECONNREFUSED');

    held[0]?.end(EVENTS.slice(1).join(''));
    const whole = await stream.closed;
    expect(whole.text).toContain('"tan"');
    expect(whole.text).toMatch(/message_stop.*\r\n0\r\n\r\n$/s);
    // It was answered on a connection that was to be kept.
    expect(whole.text).toMatch(/\r\nconnection: keep-alive\r\n/i);
    await expectCleanEnd();
    expect(gateway.events('inference')).toMatchObject([{ outcome: 'complete', output_tokens: 3 }]);
  });

  it('waits for an answer that has not begun', async () => {
    await start({});
    const asked = deployment.upstream.request(deployment.upstream.requests.length);
    const goOn = Promise.withResolvers<void>();
    deployment.upstream.answer = async (_request, response) => {
      await goOn.promise;
      startStream(response);
      response.end(EVENTS.join(''));
    };
    const stream = openStream();
    await asked;
    await tellToStop();
    goOn.resolve();
    const { text, isReset } = await (await stream).closed;
    expect(text).toMatch(/\r\nconnection: close\r\n/i);
    expect(text).toMatch(/message_stop.*\r\n0\r\n\r\n$/s);
    expect(isReset).toBe(false);
    await expectCleanEnd();
  });

  it('cuts off what is left when the grace is over, says so, and writes down how it ended', async () => {
    await start({ grace_seconds: 600 }, { CLAUDE_GATEWAY_DRAIN_TIMEOUT_MS: '500' });
    const [stream, idle] = [await openStream(), await openIdle()];
    await tellToStop();
    // With nothing under way on it a connection is not waited for, and not reset either.
    expect((await idle.closed).isReset).toBe(false);
    await gateway.line(/ warn drain window over after 0\.5 s: 1 client request is cut off$/);
    expect((await stream.closed).text).not.toMatch(/0\r\n\r\n$/);
    await expectCleanEnd();
    expect(gateway.events('inference')).toMatchObject([{ outcome: 'client_left' }]);
  });
});

describe('a second signal', () => {
  it('ends the waiting for streams', async () => {
    await start({ grace_seconds: 600 });
    const stream = await openStream();
    await tellToStop('SIGINT');
    gateway.child.kill('SIGTERM');
    await gateway.line(/ warn told to stop at once: 1 client request is cut off$/);
    expect((await stream.closed).text).not.toMatch(/0\r\n\r\n$/);
    await expectCleanEnd();
  });

  it('ends the delay as well', async () => {
    await start({ delay_seconds: 600, grace_seconds: 600 });
    const stream = await openStream();
    await tellToStop();
    gateway.child.kill('SIGTERM');
    await gateway.line(/ warn told to stop at once: 1 client request is cut off$/);
    await stream.closed;
    await expectCleanEnd();
  });
});

it('nothing secret was printed', () => {
  expectNoLeaks(transcript, [...Object.values(SECRETS), accessToken, 'tangerine', 'ger']);
});
