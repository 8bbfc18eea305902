import { freePort } from './free-port.ts';
import { type GatewayProcess, startGatewayProcess } from './gateway-process.ts';
import { secretsOfFile } from './leaks.ts';
import { startOidcProvider, type TestProvider, type TestProviderOptions } from './oidc-provider.ts';
import { type Answerer, type StandInUpstream, startUpstream } from './upstream.ts';

export interface DeploymentOptions {
  /** `store` of gateway.yaml. */
  readonly store: Readonly<Record<string, unknown>>;
  readonly replicas?: number;
  /** Sections of gateway.yaml that replace or add to the usual ones. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly answer?: Answerer;
  /** Who can sign in, in place of the usual three. */
  readonly people?: NonNullable<TestProviderOptions['people']>;
  /** Paths for `listen.tls`; the public URL is `https://` then. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Where a proxy in front of them listens. */
  readonly publicUrl?: string;
  /** Further keys of `listen`. */
  readonly listen?: Readonly<Record<string, unknown>>;
  /** Further keys of `oidc`. */
  readonly oidc?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Further flags of `sallyport gateway`. */
  readonly args?: readonly string[];
}

/** Real gateway processes, a real OpenID provider and a stand-in for the Anthropic API, wired as an operator would. */
export interface Deployment {
  readonly provider: TestProvider;
  readonly upstream: StandInUpstream;
  /** All say they are `publicUrl`, the address of the last one unless given. */
  readonly gateways: readonly [GatewayProcess, ...GatewayProcess[]];
  readonly publicUrl: string;
  /** gateway.yaml of each gateway. */
  readonly configs: readonly Readonly<Record<string, unknown>>[];
  /** Starts one more process on this configuration; of another build, if its `bin/cli.js` is named. */
  start(config: Readonly<Record<string, unknown>>, cli?: string): Promise<GatewayProcess>;
  close(): Promise<void>;
}

/** What stands in for a real secret in these configurations; the leak test greps for them. */
export const SECRETS = {
  jwt: 'a signing secret of the tests, long enough',
  client: 'a client secret of the tests',
  upstreamKey: 'sk-ant-api03-key-of-the-tests',
} as const;

export async function startDeployment(options: DeploymentOptions): Promise<Deployment> {
  for (const secret of Object.values(SECRETS)) secretsOfFile.add(secret);
  const ports = await Promise.all(Array.from({ length: options.replicas ?? 1 }, freePort));
  const { tls } = options;
  const publicUrl = options.publicUrl ?? `${tls ? 'https' : 'http'}://127.0.0.1:${ports.at(-1)}`;
  const provider = await startOidcProvider({
    redirectUri: `${publicUrl}/oauth/callback`,
    clientSecret: SECRETS.client,
    ...(options.people ? { people: options.people } : {}),
  });
  const upstream = await startUpstream(options.answer);
  const configs = ports.map((port) => ({
    listen: { host: '127.0.0.1', port, public_url: publicUrl, ...(tls ? { tls } : {}), ...options.listen },
    oidc: {
      issuer: provider.issuer,
      client_id: provider.clientId,
      client_secret: SECRETS.client,
      ...options.oidc,
    },
    session: { jwt_secret: SECRETS.jwt },
    store: options.store,
    upstreams: [{ provider: 'anthropic', base_url: upstream.url, auth: { api_key: SECRETS.upstreamKey } }],
    access_control: { allow_cidrs: ['127.0.0.0/8', '::1/128'] },
    ...options.config,
  }));
  const started: GatewayProcess[] = [];
  const start = async (config: Readonly<Record<string, unknown>>, cli?: string): Promise<GatewayProcess> => {
    const gateway = await startGatewayProcess({
      config: JSON.stringify(config, null, 2),
      args: options.args ?? [],
      env: { CLAUDE_GATEWAY_ALLOW_LOOPBACK: '1', ...options.env },
      ...(cli === undefined ? {} : { cli }),
    });
    started.push(gateway);
    return gateway;
  };
  const close = async (): Promise<void> => {
    await Promise.all(started.map((gateway) => gateway.stop('SIGKILL')));
    await Promise.all([provider.close(), upstream.close()]);
  };
  try {
    const [first, ...rest] = await Promise.all(configs.map((config) => start(config)));
    if (!first) throw new RangeError('a deployment has at least one gateway');
    return { provider, upstream, gateways: [first, ...rest], publicUrl, configs, start, close };
  } catch (error) {
    await close();
    throw error;
  }
}
