import { configFolder } from '../client/config-folder.ts';
import {
  type CredentialStore,
  type Credentials,
  createCredentialStore,
  type UnusableFile,
} from '../client/credentials.ts';
import { createGatewayApi, type GatewayApi } from '../client/gateway-api.ts';
import type { GatewayConnection } from '../client/gateway-connection.ts';
import { type GatewayUrl, parseGatewayUrl } from '../client/gateway-url.ts';
import { parseInternalNetworks } from '../client/internal-networks.ts';
import { createMachine, type Machine } from '../client/machine.ts';
import { type ManagedSettings, readManagedSettings } from '../client/managed-settings-file.ts';
import { createOAuthClient } from '../client/oauth-client.ts';
import { type Reached, reachGateway } from '../client/reach-gateway.ts';
import { createSession, isPassing } from '../client/session.ts';
import { silent, type Trace, traceConnection } from '../client/trace.ts';
import { createTrustedCertificates, type TrustedCertificates } from '../client/trusted-certificates.ts';
import { CodedError, withFacts } from '../kernel/coded-error.ts';
import { inOneLine } from './exit-codes.ts';
import type { Host } from './host.ts';

/** What the developer's commands share: where things are kept, and how a gateway is reached. */
export interface Developer {
  readonly machine: Machine;
  readonly credentials: CredentialStore;
  readonly certificates: TrustedCertificates;
  /** Read once; warnings about ignored files go to stderr. */
  managedSettings(): Promise<ManagedSettings>;
  /** Judges the way to a gateway; trust is the caller's matter. */
  reach(gateway: GatewayUrl): Promise<Reached>;
  /** The session at the named gateway, or at the one signed in to last. Throws `not_signed_in`. */
  signedIn(gatewayUrl: string | undefined): Promise<SignedIn>;
  open(account: Credentials): SignedIn;
}

/** A gateway with a session. Nothing is connected before something is asked of it. */
export interface SignedIn {
  readonly gateway: GatewayUrl;
  readonly account: Credentials;
  readonly api: GatewayApi;
  currentToken(signal?: AbortSignal): Promise<string>;
  renewedToken(refused: string): Promise<string>;
  /**
   * The current token for a program that connects by itself, and so does not know which certificate is trusted: that is
   * looked at first. Throws `certificate_changed` and what else is unsafe; a gateway out of reach is no reason to.
   */
  tokenToHandOut(): Promise<string>;
  /** A connection that accepts the trusted certificate only: `certificate_changed`, `fingerprint_required`. */
  connect(): Promise<GatewayConnection>;
  close(): Promise<void>;
}

export function createDeveloper(
  host: Host,
  machine: Machine = createMachine(host.platform, host.env),
): Developer {
  const folder = configFolder(host.platform, host.env, host.homeDir);
  const credentials = createCredentialStore(folder, host.platform);
  const certificates = createTrustedCertificates(folder, host.platform);
  const trace: Trace = host.options.debug ? (line) => void host.stderr.write(`debug: ${line}\n`) : silent;

  let settings: Promise<ManagedSettings> | undefined;
  const managedSettings = () => {
    settings ??= readManagedSettings({
      path: machine.managedSettingsPath,
      platform: host.platform,
      warn: (message) => host.stderr.write(`${host.colour.yellow('Warning:')} ${message}\n`),
      isAdministrator: machine.isAdministrator,
    });
    return settings;
  };

  async function reach(gateway: GatewayUrl): Promise<Reached> {
    const { internalNetworks } = await managedSettings();
    const { connection, ...reached } = await reachGateway(gateway, {
      machine,
      env: host.env,
      internalNetworks: () => parseInternalNetworks(internalNetworks),
    });
    return { ...reached, connection: traceConnection(connection, host.clock, trace) };
  }

  async function trustedCertificate({ hostname, origin }: GatewayUrl) {
    try {
      return await certificates.find(hostname);
    } catch (error) {
      throw withFacts(error, { gateway: origin });
    }
  }

  async function connectTrusted(gateway: GatewayUrl): Promise<GatewayConnection> {
    const { hostname, origin, isHttps } = gateway;
    const trusted = isHttps ? await trustedCertificate(gateway) : undefined;
    if (isHttps && trusted === undefined) {
      throw new CodedError('fingerprint_required', { facts: { host: hostname, gateway: origin } });
    }
    const { connection } = await reach(gateway);
    if (trusted !== undefined) connection.pin(trusted);
    return connection;
  }

  function open(account: Credentials): SignedIn {
    const gateway = parseGatewayUrl(account.gateway);
    let connected: Promise<GatewayConnection> | undefined;
    const connect = () => {
      connected ??= connectTrusted(gateway).catch((error) => {
        // The next request may find the network back.
        connected = undefined;
        throw error;
      });
      return connected;
    };
    const session = createSession({
      gateway: gateway.origin,
      credentials,
      clock: host.clock,
      oauth: async () => createOAuthClient(await connect()),
      trace,
    });
    const currentToken = (signal?: AbortSignal) => session.currentToken(signal);
    return {
      gateway,
      account,
      api: createGatewayApi({
        connect,
        token: currentToken,
        renewedToken: session.renewedToken,
        gateway: gateway.origin,
      }),
      currentToken,
      renewedToken: session.renewedToken,
      async tokenToHandOut() {
        const token = await currentToken();
        try {
          await (await connect()).checkCertificate();
        } catch (error) {
          if (!isPassing(error)) throw error;
        }
        return token;
      },
      connect,
      async close() {
        const connection = await connected?.catch(() => undefined);
        await connection?.close();
      },
    };
  }

  return {
    machine,
    credentials,
    certificates,
    managedSettings,
    reach,
    open,
    async signedIn(gatewayUrl) {
      if (gatewayUrl === undefined) {
        const { sessions, unusable } = await credentials.list();
        const [latest] = sessions;
        if (latest) {
          warnOfUnusable(host, unusable);
          return open(latest);
        }
        const [first, ...others] = unusable;
        warnOfUnusable(host, others);
        throw first ? first.problem : new CodedError('not_signed_in');
      }
      const { origin } = parseGatewayUrl(gatewayUrl);
      const account = await credentials.read(origin);
      if (!account) throw new CodedError('not_signed_in', { facts: { gateway: origin } });
      return open(account);
    },
  };
}

/** Names files with sessions that are left out, and the way to mend each. */
export function warnOfUnusable({ stderr, colour }: Host, files: readonly UnusableFile[]): void {
  for (const { problem } of files) stderr.write(`${colour.yellow('Warning:')} ${inOneLine(problem)}\n`);
}

/** Runs a command's work with a session and closes the connections afterwards. */
export async function withSession<T>(
  host: Host,
  machine: Machine | undefined,
  gatewayUrl: string | undefined,
  work: (signedIn: SignedIn) => Promise<T>,
): Promise<T> {
  const signedIn = await createDeveloper(host, machine).signedIn(gatewayUrl);
  try {
    return await work(signedIn);
  } finally {
    await signedIn.close();
  }
}
