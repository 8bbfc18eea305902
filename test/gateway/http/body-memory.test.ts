import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it } from 'vitest';
import type { BodyRoom } from '../../../src/gateway/exchange.ts';
import { createBodyReader } from '../../../src/gateway/http/body.ts';
import { route, startListener } from '../../support/listener.ts';
import { answersIn, openRaw } from '../../support/raw-http.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as NonNullable<typeof globalThis.gc>;

const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

function memoryInUse(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

describe('a body that is sent byte by byte', () => {
  it('takes little more memory than its size', async () => {
    const size = 400_000;
    const here = Promise.withResolvers<void>();
    const room: BodyRoom = {
      bytes: () => 0,
      resize: (bytes) => {
        if (bytes >= size) here.resolve();
        return undefined;
      },
    };
    const read = createBodyReader({ maxBytes: 1_000_000 });
    const listener = await startListener([
      route(async (request, reply) => reply.json(200, { size: (await read(request, room)).length }), {
        method: 'POST',
      }),
    ]);
    closing.push(listener.close);
    const before = memoryInUse();
    const connection = await openRaw(listener.port);
    connection.send('POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n');
    connection.send('1\r\na\r\n'.repeat(size));
    await here.promise;
    expect(memoryInUse() - before).toBeLessThan(10_000_000);
    connection.send('0\r\n\r\n');
    expect(answersIn((await connection.closed).text).at(-1)?.body).toBe(JSON.stringify({ size }));
  });
});
