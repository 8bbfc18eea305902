import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Page, parseExposition } from '../../test/support/exposition.ts';
import { freePort } from '../../test/support/free-port.ts';
import { startOidcProvider } from '../../test/support/oidc-provider.ts';
import { createPristine, findPostgresBinaries, startCluster } from '../../test/support/postgres-cluster.ts';
import { startSoakUpstream } from './upstream.ts';

/** A real gateway process with everything it needs around it. */
export interface World {
  readonly url: string;
  readonly store: 'PostgreSQL' | 'embedded';
  metrics(): Promise<Page>;
  /** Descriptors of the gateway that are sockets. */
  openSockets(): number;
  /** SIGTERM; the exit code. */
  stop(): Promise<number | null>;
  close(): Promise<void>;
}

const cli = fileURLToPath(new URL('../../bin/cli.js', import.meta.url));
const LINES_KEPT = 20;

export async function startWorld(): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-soak-'));
  const closing: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  const close = async (): Promise<void> => {
    for (const end of closing.splice(0).reverse()) await end();
  };
  try {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const provider = await startOidcProvider({ redirectUri: `${url}/oauth/callback` });
    closing.push(provider.close);
    const upstreams = await Promise.all([true, false].map((isFirst) => startSoakUpstream({ isFirst })));
    closing.push(...upstreams.map((upstream) => upstream.close));
    const postgres = await startPostgres();
    closing.push(() => postgres?.remove());
    const plenty = { max: 1_000_000, window_seconds: 60 };
    const gateway = await startGateway(folder, {
      listen: { host: '127.0.0.1', port },
      oidc: { issuer: provider.issuer, client_id: provider.clientId, client_secret: provider.clientSecret },
      session: { jwt_secret: 'a signing secret of the soak, long enough' },
      store: postgres ? { postgres_url: postgres.url } : { embedded: join(folder, 'store') },
      upstreams: upstreams.map(({ url: baseUrl }, i) => ({
        name: i === 0 ? 'first' : 'second',
        provider: 'anthropic',
        base_url: baseUrl,
        auth: { api_key: 'a key of the soak' },
      })),
      access_control: { allow_cidrs: ['127.0.0.0/8'] },
      rate_limits: { device_authorization: plenty, device_verify: plenty },
      metrics: { listen: '127.0.0.1:0' },
      log: { audit: 'stdout' },
    });
    closing.push(() => gateway.stop('SIGKILL'));
    return {
      url,
      store: postgres ? 'PostgreSQL' : 'embedded',
      metrics: async () => parseExposition(await (await fetch(gateway.metricsUrl)).text()),
      openSockets: () => socketsOf(gateway.pid),
      stop: () => gateway.stop('SIGTERM'),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startPostgres(): Promise<{ readonly url: string; remove(): Promise<void> } | undefined> {
  const binaries = findPostgresBinaries();
  if (binaries === undefined) return undefined;
  const pristine = createPristine(binaries);
  const cluster = await startCluster(pristine, { alsoRemove: pristine.folder });
  return { url: cluster.url(), remove: cluster.remove };
}

async function startGateway(folder: string, config: object) {
  const file = join(folder, 'gateway.yaml');
  writeFileSync(file, JSON.stringify(config));
  const child = spawn(process.execPath, [cli, 'gateway', '--config', file], {
    env: { PATH: process.env['PATH'] ?? '', HOME: folder, CLAUDE_GATEWAY_ALLOW_LOOPBACK: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exit = once(child, 'exit');
  // The audit events: somebody has to read them.
  child.stdout.resume();
  return {
    metricsUrl: await metricsUrlOf(child),
    pid: child.pid ?? 0,
    async stop(signal: NodeJS.Signals) {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await exit;
      return child.exitCode;
    },
  };
}

/** Resolves with the last thing a gateway says when it has started. */
function metricsUrlOf(child: ChildProcess): Promise<string> {
  const last: string[] = [];
  return new Promise((resolve, reject) => {
    if (!child.stderr) return reject(new Error('the gateway has no log'));
    createInterface(child.stderr).on('line', (line) => {
      last.push(line);
      if (last.length > LINES_KEPT) last.shift();
      const [, url] = / metrics: (http\S+)$/.exec(line) ?? [];
      if (url !== undefined) resolve(url);
    });
    child.once('close', () => reject(new Error(`the gateway ended:\n${last.join('\n')}`)));
  });
}

function socketsOf(pid: number): number {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).filter((name) => {
    try {
      return readlinkSync(join(folder, name)).startsWith('socket:');
    } catch {
      // Closed since the folder was read.
      return false;
    }
  }).length;
}
