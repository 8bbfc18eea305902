import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { CodedError } from '../../kernel/coded-error.ts';
import { paths } from '../../kernel/protocol.ts';
import { createPracticeIdp } from '../dev/practice-idp.ts';
import { createPracticeModel } from '../dev/practice-model.ts';

/** Where the gateway and the practice parts of `gateway --dev` will be, known before they run. */
export interface PracticePlan {
  readonly gatewayPort: number;
  readonly origin: string;
  readonly issuer: string;
  readonly modelUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Listens already, so that nobody else takes the port; answers nothing before `startPractice`. */
  readonly server: Server;
}

export interface Practice {
  close(): Promise<void>;
}

const IDP_PATH = '/practice-idp';
const MODEL_PATH = '/practice-model';
const HOST = '127.0.0.1';
const FIRST_PORT = 8080;
const PORTS_TRIED = 100;

/**
 * Takes a port for the practice parts: the one after the gateway's, or the next free one. A gateway without a port of its
 * own gets 8080 or an even one above it whose next one could be taken, so that several that start at once do not meet.
 * Throws CodedError `address_in_use` when a hundred ports are.
 */
export async function planPractice(gatewayPort: number | undefined): Promise<PracticePlan> {
  const taken = gatewayPort === undefined ? await pairOfPorts() : await portAfter(gatewayPort);
  const origin = `http://${HOST}:${taken.port}`;
  return {
    gatewayPort: taken.gatewayPort,
    origin,
    issuer: `${origin}${IDP_PATH}`,
    modelUrl: `${origin}${MODEL_PATH}`,
    clientId: 'practice-gateway',
    clientSecret: randomBytes(32).toString('base64url'),
    server: taken.server,
  };
}

/**
 * Serves the practice identity provider and the practice model on loopback, apart from the gateway's own listener. The
 * provider's refresh tokens are kept in the file `keptIn`.
 */
export function startPractice(plan: PracticePlan, publicUrl: string, keptIn: string | undefined): Practice {
  const idp = createPracticeIdp({
    origin: plan.origin,
    mountPath: IDP_PATH,
    clientId: plan.clientId,
    clientSecret: plan.clientSecret,
    redirectUri: `${publicUrl}${paths.callback}`,
    keptIn,
  });
  const serveModel = createPracticeModel(MODEL_PATH);
  plan.server.on('request', (message, response) => {
    if (idp.handle(message, response) || serveModel(message, response)) return;
    response.writeHead(404).end();
  });
  return { close: () => closePractice(plan) };
}

/** Gives the port back; also of a plan that was never started. */
export function closePractice({ server }: PracticePlan): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

interface Taken {
  readonly gatewayPort: number;
  readonly port: number;
  readonly server: Server;
}

async function pairOfPorts(): Promise<Taken> {
  for (let gatewayPort = FIRST_PORT; gatewayPort < FIRST_PORT + PORTS_TRIED; gatewayPort += 2) {
    if (await isTaken(gatewayPort)) continue;
    const server = await listenOn(gatewayPort + 1);
    if (server) return { gatewayPort, port: gatewayPort + 1, server };
  }
  throw allInUse(FIRST_PORT);
}

async function portAfter(gatewayPort: number): Promise<Taken> {
  const first = gatewayPort + 1;
  for (let port = first; port < first + PORTS_TRIED && port <= 65_535; port += 1) {
    const server = await listenOn(port);
    if (server) return { gatewayPort, port, server };
  }
  throw allInUse(first);
}

function allInUse(first: number): CodedError {
  return new CodedError('address_in_use', {
    detail: `every port from ${first} to ${first + PORTS_TRIED - 1} is in use; name a free one in listen.port`,
  });
}

/** Undefined when somebody has the port: binding alone would not see a listener on another address of this machine. */
async function listenOn(port: number): Promise<Server | undefined> {
  if (await isAnswered(port)) return undefined;
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen(port, HOST, () => resolve(server));
  });
}

async function isTaken(port: number): Promise<boolean> {
  const server = await listenOn(port);
  if (!server) return true;
  server.close();
  await once(server, 'close');
  return false;
}

function isAnswered(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: HOST, port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
