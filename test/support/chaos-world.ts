import { expect, vi } from 'vitest';
import { type Deployment, SECRETS, startDeployment } from './deployment.ts';
import { ask, createDeviceFlow } from './device-flow.ts';
import { type GatewayProcess, transcript } from './gateway-process.ts';
import { type Asking, createInferenceLedger, type InferenceLedger } from './inference-ledger.ts';
import { expectNoLeaks } from './leaks.ts';
import { levelOf, type ProcessLevel } from './process-level.ts';
import { startTcpRelay, type TcpRelay } from './tcp-relay.ts';
import {
  type Answerer,
  answerEvents,
  message,
  type StandInUpstream,
  startUpstream,
  stream,
} from './upstream.ts';

/** What stands in every prompt and every completion. */
export const MARK = 'a medlar that nobody may see';
/** The events of a sound answer. */
export const SOUND = answerEvents([MARK, '!', MARK]);
export const soundly: Answerer = (request, response) => {
  // A connection that is kept for the next request is no leak, and looks like one.
  response.setHeader('connection', 'close');
  return keeping(request, response);
};
/** The same, on a connection that is kept. */
export const keeping: Answerer = (request, response) => {
  const isStreamed = /"stream":true/.test(request.body.toString());
  return (isStreamed ? stream(...SOUND) : message())(request, response);
};

/** A gateway whose networks to the store and to its first upstream can fail. The second upstream is always well. */
export interface World {
  readonly deployment: Deployment;
  readonly gateway: GatewayProcess;
  readonly flow: ReturnType<typeof createDeviceFlow>;
  readonly ledger: InferenceLedger;
  /** Before the first upstream. */
  readonly network: TcpRelay;
  readonly first: StandInUpstream;
  readonly second: StandInUpstream;
  /** Of the developer who was signed in before anything happened. */
  readonly accessToken: string;
  /** Presents the developer's refresh token and keeps the new one. */
  refresh(): Promise<number>;
  infer(asking?: Asking): ReturnType<InferenceLedger['infer']>;
  level(): ProcessLevel;
  /**
   * Waits until everything is as it was: the same process, ready; a streamed answer of the first upstream, to the byte, and
   * its record; the old session renewed, a new sign-in; one audit event for each request so far, and no gap between
   * events; descriptors, connections and memory at the level before; nothing secret and no accident in the log.
   */
  expectSteady(): Promise<void>;
  close(): Promise<void>;
}

export interface WorldOptions {
  readonly store: Readonly<Record<string, unknown>>;
  /** Where the connections to the store lead; 0 when it has none. */
  readonly storePort?: number;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Files of this folder that the gateway loads before its own. */
  readonly preload?: readonly string[];
}

/** The size of the store's pool. */
const STORE_CONNECTIONS = 5;
/** Connections that are kept for the next request: of browsers, to the provider and to upstreams. */
const DESCRIPTOR_SLACK = 8;
const HELD_SLACK_BYTES = 24 * 1024 * 1024;
/** What the allocator keeps for the next burst. */
const RESIDENT_SLACK_BYTES = 256 * 1024 * 1024;
const importing = (file: string) => `--import=${new URL(file, import.meta.url).href}`;
const PATIENCE = { timeout: 30_000, interval: 100 };
/** What an accident looks like in the log: a stack, or the platform's own words. */
const ACCIDENT = /\bat \S+ \(?(?:file|node):|TypeError|RangeError|Unhandled|Warning:|internal error/;

export async function openWorld(options: WorldOptions): Promise<World> {
  const { store, storePort = 0, config, env = {}, preload = [] } = options;
  const [first, second] = await Promise.all([startUpstream(soundly), startUpstream(soundly)]);
  const network = await startTcpRelay(Number(new URL(first.url).port));
  const closeUpstreams = () => Promise.all([network.close(), first.close(), second.close()]);
  const entry = { provider: 'anthropic', auth: { api_key: SECRETS.upstreamKey } };
  const often = { max: 100_000, window_seconds: 600 };
  const deployment = await startDeployment({
    store,
    env: { ...env, NODE_OPTIONS: ['./tell-memory.ts', ...preload].map(importing).join(' ') },
    config: {
      upstreams: [
        { ...entry, name: 'first', base_url: `http://127.0.0.1:${network.port}` },
        { ...entry, name: 'second', base_url: second.url },
      ],
      rate_limits: { device_authorization: often, device_verify: often },
      timeouts: { upstream_ttfb_ms: 2_000, upstream_idle_ms: 2_000 },
      ...config,
    },
  }).catch(async (error: unknown) => {
    await closeUpstreams();
    throw error;
  });
  const [gateway] = deployment.gateways;
  const flow = createDeviceFlow(gateway);
  const tokens = await flow.signIn('practice-ada');
  const ledger = createInferenceLedger(gateway, tokens.access_token, MARK);
  const level = () => levelOf(gateway.pid, storePort);
  let refreshToken = tokens.refresh_token;
  const secrets = new Set([...Object.values(SECRETS), MARK, tokens.access_token, refreshToken]);
  let before: (ProcessLevel & { readonly heldBytes: number }) | undefined;

  const refresh = async (): Promise<number> => {
    const { status, json } = await flow.refresh(refreshToken);
    if (status === 200) refreshToken = String(json['refresh_token']);
    secrets.add(refreshToken);
    return status;
  };

  const expectServedByTheFirst = async (): Promise<void> => {
    const answer = await ledger.infer({ isStreamed: true });
    expect(answer).toMatchObject({ status: 200, text: SOUND.join(''), isComplete: true });
    const tokens = { input_tokens: 12, output_tokens: 3 };
    expect(await ledger.eventOf(answer.id)).toMatchObject({
      outcome: 'complete',
      upstream: 'first',
      ...tokens,
    });
  };

  const expectService = async (): Promise<void> => {
    expect(gateway.child.exitCode ?? gateway.child.signalCode).toBeNull();
    await vi.waitFor(async () => expect((await ask(`${gateway.url}/readyz`)).status).toBe(200), PATIENCE);
    await vi.waitFor(expectServedByTheFirst, PATIENCE);
    await vi.waitFor(async () => expect(await refresh()).toBe(200), PATIENCE);
    const other = await flow.signIn('practice-pat');
    secrets.add(other.access_token).add(other.refresh_token);
  };

  const heldBytes = async (): Promise<number> => {
    const seen = gateway.lines.length;
    gateway.child.kill('SIGUSR2');
    return vi.waitFor(() => {
      const [, bytes] = /^bytes held: (\d+)$/m.exec(gateway.lines.slice(seen).join('\n')) ?? [];
      expect(bytes).toBeDefined();
      return Number(bytes);
    }, PATIENCE);
  };

  const expectLevel = async (): Promise<void> => {
    const now = { ...level(), heldBytes: await heldBytes() };
    before ??= now;
    expect(now.descriptors).toBeLessThanOrEqual(before.descriptors + DESCRIPTOR_SLACK);
    expect(now.storeConnections).toBeLessThanOrEqual(STORE_CONNECTIONS);
    expect(now.heldBytes).toBeLessThanOrEqual(before.heldBytes + HELD_SLACK_BYTES);
    expect(now.residentBytes).toBeLessThanOrEqual(before.residentBytes + RESIDENT_SLACK_BYTES);
  };

  const world: World = {
    deployment,
    gateway,
    flow,
    ledger,
    network,
    first,
    second,
    accessToken: tokens.access_token,
    refresh,
    infer: ledger.infer,
    level,
    async expectSteady() {
      await expectService();
      await vi.waitFor(expectLevel, PATIENCE);
      await ledger.expectBalanced();
      expect(gateway.lines.filter((line) => ACCIDENT.test(line))).toEqual([]);
      expectNoLeaks(transcript, [...secrets]);
    },
    async close() {
      await deployment.close();
      await closeUpstreams();
    },
  };
  // The first requests of a process load code and fill pools.
  await Promise.all(Array.from({ length: 40 }, () => ledger.infer({ isStreamed: true })));
  await world.expectSteady();
  return world;
}
