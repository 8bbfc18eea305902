import { execFileSync } from 'node:child_process';
import type { ServerResponse } from 'node:http';
import { expect, it } from 'vitest';
import { request, startInferenceGateway } from '../../support/inference-gateway.ts';
import { openRaw, type RawConnection } from '../../support/raw-http.ts';
import { answerEvents, startStream, startUpstream } from '../../support/upstream.ts';

const STREAMS = 2_000;
const AT_A_TIME = 200;

/** Both ends of both connections of each stream are in this process. */
const filesNeeded = 4 * STREAMS + 500;
const files = execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim();
const hasFiles = files === 'unlimited' || Number(files) >= filesNeeded;

const body = JSON.stringify({ ...request, stream: true });
const bytes = `POST /v1/messages HTTP/1.1\r\nhost: gateway.test\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

it.runIf(hasFiles)(
  'two thousand streams are open at the same time, and each is served',
  async () => {
    const [head = '', ...rest] = answerEvents(['hello']);
    const waiting: ServerResponse[] = [];
    const upstream = await startUpstream((_request, response) => {
      startStream(response);
      response.write(head);
      waiting.push(response);
    });
    const gateway = await startInferenceGateway([{ name: 'anthropic', url: upstream.url }]);
    const port = Number(new URL(gateway.url).port);

    const clients: RawConnection[] = [];
    const openOne = async (): Promise<void> => {
      const client = await openRaw(port);
      clients.push(client);
      client.send(bytes);
      await client.received(/message_start.*\n\n/);
    };
    while (clients.length < STREAMS) await Promise.all(Array.from({ length: AT_A_TIME }, openOne));
    expect(waiting).toHaveLength(STREAMS);
    expect(upstream.connections).toBe(STREAMS);

    for (const response of waiting) response.end(rest.join(''));
    const answers = await Promise.all(clients.map(({ closed }) => closed));
    expect(answers.filter(({ text }) => /"message_stop"}\n\n\r\n0\r\n\r\n$/.test(text))).toHaveLength(
      STREAMS,
    );
    expect(gateway.events.filter(({ outcome }) => outcome === 'complete')).toHaveLength(STREAMS);
    expect(gateway.log).toEqual([]);
    await gateway.close();
    await upstream.close();
  },
  60_000,
);
