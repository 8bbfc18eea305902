import { once } from 'node:events';
import { rmSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Deployment, startDeployment } from '../support/deployment.ts';
import { createDeviceFlow } from '../support/device-flow.ts';
import { newEmbeddedFolder } from '../support/embedded-store.ts';
import { openRaw, type RawConnection } from '../support/raw-http.ts';
import { startSteadyLoad } from '../support/steady-load.ts';
import { answerEvents, message, startStream } from '../support/upstream.ts';

const STREAMS = 200;
const EVENTS = answerEvents(['med', 'lar']);

let folder: string;
let deployment: Deployment;
let accessToken: string;
/** Streams that the upstream has begun and not ended. */
const held: ServerResponse[] = [];

beforeAll(async () => {
  folder = await newEmbeddedFolder();
  deployment = await startDeployment({
    store: { embedded: folder },
    config: { shutdown: { delay_seconds: 3 } },
    answer(request, response) {
      if (!request.body.includes('"stream":true')) return message()(request, response);
      startStream(response);
      response.write(EVENTS[0]);
      held.push(response);
    },
  });
  ({ access_token: accessToken } = await createDeviceFlow(deployment.gateways[0]).signIn());
});

afterAll(async () => {
  await deployment?.close();
  rmSync(folder, { recursive: true, force: true });
});

const port = (): number => Number(new URL(deployment.gateways[0].url).port);

/** A connection on which one request has been sent. */
async function send(stream: boolean): Promise<RawConnection> {
  const body = JSON.stringify({
    model: 'claude-sonnet-4-5',
    max_tokens: 9,
    stream,
    messages: [{ role: 'user', content: 'a medlar' }],
  });
  const connection = await openRaw(port());
  connection.send(
    `POST /v1/messages HTTP/1.1\r\nHost: gateway.test\r\nAuthorization: Bearer ${accessToken}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  return connection;
}

/** Connects until nothing listens any more. */
async function isDeaf(): Promise<void> {
  for (;;) {
    const connection = await openRaw(port()).catch(() => undefined);
    if (!connection) return;
    connection.socket.end();
    await connection.closed;
  }
}

it(`SIGTERM under load cuts none of ${STREAMS} streams and no other request, and the exit code is 0`, async () => {
  const [gateway] = deployment.gateways;
  const streams = await Promise.all(Array.from({ length: STREAMS }, () => send(true)));
  await Promise.all(streams.map((stream) => stream.received(/message_start/)));

  const told = Promise.withResolvers<void>();
  const load = startSteadyLoad(
    Array.from({ length: 8 }, () => async () => {
      const connection = await send(false);
      await Promise.race([connection.received(/end_turn/), connection.closed]);
      connection.socket.end();
      const { text, isReset } = await connection.closed;
      if (isReset || !text.includes('end_turn')) throw new Error(`reset: ${isReset}, after: ${text}`);
      if (/\r\nconnection: close\r\n/i.test(text)) told.resolve();
    }),
  );
  await load.more(50);
  const ended = once(gateway.child, 'close');
  gateway.child.kill('SIGTERM');
  // Whoever opens connections blindly until they are refused has one reset by the kernel: these clients heed the answer.
  await told.promise;
  await load.stop();
  expect(load.failures).toEqual([]);

  await isDeaf();
  expect(held).toHaveLength(STREAMS);
  for (const response of held) response.end(EVENTS.slice(1).join(''));
  const whole = await Promise.all(streams.map((stream) => stream.closed));
  const cut = whole.filter(({ text, isReset }) => isReset || !/message_stop.*\r\n0\r\n\r\n$/s.test(text));
  expect(cut).toEqual([]);
  await ended;
  expect(gateway.child.exitCode).toBe(0);
  const outcomes = gateway.events('inference').map(({ outcome }) => outcome);
  expect(outcomes.length).toBeGreaterThan(STREAMS + 50);
  expect(new Set(outcomes)).toEqual(new Set(['complete']));
});
