import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { CodedError } from '../../kernel/coded-error.ts';
import { paths } from '../../kernel/protocol.ts';
import { createPracticeIdp } from '../dev/practice-idp.ts';
import { createPracticeModel } from '../dev/practice-model.ts';

/** Where the practice parts of `gateway --dev` will be, known before they run. */
export interface PracticePlan {
  readonly port: number;
  readonly origin: string;
  readonly issuer: string;
  readonly modelUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

export interface Practice {
  close(): Promise<void>;
}

const IDP_PATH = '/practice-idp';
const MODEL_PATH = '/practice-model';
const HOST = '127.0.0.1';

/** Chooses a port for the practice parts: the one after the gateway's, or the next free one. */
export async function planPractice(gatewayPort: number): Promise<PracticePlan> {
  const port = await freePort(gatewayPort + 1);
  const origin = `http://${HOST}:${port}`;
  return {
    port,
    origin,
    issuer: `${origin}${IDP_PATH}`,
    modelUrl: `${origin}${MODEL_PATH}`,
    clientId: 'practice-gateway',
    clientSecret: randomBytes(32).toString('base64url'),
  };
}

/**
 * Serves the practice identity provider and the practice model on loopback, apart from the gateway's own listener. The
 * provider's refresh tokens are kept in the file `keptIn`.
 */
export async function startPractice(
  plan: PracticePlan,
  publicUrl: string,
  keptIn: string | undefined,
): Promise<Practice> {
  const idp = createPracticeIdp({
    origin: plan.origin,
    mountPath: IDP_PATH,
    clientId: plan.clientId,
    clientSecret: plan.clientSecret,
    redirectUri: `${publicUrl}${paths.callback}`,
    keptIn,
  });
  const serveModel = createPracticeModel(MODEL_PATH);
  const server = createServer((message, response) => {
    if (idp.handle(message, response) || serveModel(message, response)) return;
    response.writeHead(404).end();
  });
  server.listen(plan.port, HOST);
  await Promise.race([
    once(server, 'listening'),
    once(server, 'error').then(([error]) => Promise.reject(error)),
  ]);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The first port from `first` on that nothing listens on. Throws CodedError `address_in_use` after a hundred. */
export async function freePort(first: number): Promise<number> {
  for (let port = first; port < first + 100 && port <= 65_535; port += 1) {
    if (!(await isTaken(port))) return port;
  }
  throw new CodedError('address_in_use', {
    detail: `every port from ${first} to ${first + 99} is in use; name a free one in listen.port`,
  });
}

/** Whether something answers there; binding alone would not see a listener on another address of this machine. */
async function isTaken(port: number): Promise<boolean> {
  const answers = await new Promise<boolean>((resolve) => {
    const socket = connect({ host: HOST, port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
  if (answers) return true;
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(true));
    server.listen(port, HOST, () => server.close(() => resolve(false)));
  });
}
