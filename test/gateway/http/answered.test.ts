import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { route, startListener } from '../../support/listener.ts';
import { exchangeRaw } from '../../support/raw-http.ts';

const H = 'Host: gateway.test\r\n';

it('the listener tells of every answer: the path without its query, and the status', async () => {
  const told: unknown[] = [];
  const { port, close } = await startListener([route((_request, reply) => reply.json(200, {}))], {
    parts: { onAnswered: (path, status) => told.push([path, status]) },
  });
  await exchangeRaw(
    port,
    `GET /?a=b HTTP/1.1\r\n${H}\r\nGET /none HTTP/1.1\r\n${H}Connection: close\r\n\r\n`,
  );
  await close();
  expect(told).toEqual([
    ['/', 200],
    ['/none', 404],
  ]);
});

it('the listener gives 499 to a request whose client has left before its answer', async () => {
  const told = Promise.withResolvers<readonly [string, number]>();
  const begun = Promise.withResolvers<void>();
  const { port, close } = await startListener([route(() => begun.resolve())], {
    parts: { onAnswered: (...answer) => told.resolve(answer) },
  });
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(`GET / HTTP/1.1\r\n${H}\r\n`);
  await begun.promise;
  socket.destroy();
  expect(await told.promise).toEqual(['/', 499]);
  await close();
});
