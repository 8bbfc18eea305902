import type { Environment } from '../config/environment.ts';
import type { LoadedConfig } from '../config/load.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';
import { BANNER, bootFacts, bootWarnings, PRACTICE_BANNER } from './doors/boot-report.ts';
import { renewCertificate } from './doors/certificate.ts';
import { type ClockWatch, createClockWatch } from './doors/clock-watch.ts';
import { type Closing, createClosing } from './doors/closing.ts';
import { drain } from './doors/drain.ts';
import { type Journal, type Outside, openJournal } from './doors/journal.ts';
import { memoryLimitBytes } from './doors/memory-limit.ts';
import { openMetricsPage } from './doors/metrics.ts';
import { openPolicies, type Policies } from './doors/policies.ts';
import { openProtocolPage } from './doors/protocol.ts';
import { createReload, type Reread } from './doors/reload.ts';
import {
  bodyLimits,
  developerLimits,
  identityOptions,
  listenerUrl,
  type Program,
  providerOptions,
  publicUrlOf,
  serverOptions,
  storeOptions,
} from './doors/settings.ts';
import { startSweeping } from './doors/sweeping.ts';
import { openTelemetryRelay, type TelemetryDoor } from './doors/telemetry-relay.ts';
import { readTlsFiles, type TlsFiles } from './doors/tls-files.ts';
import { openUpstreams } from './doors/upstream-connections.ts';
import { createAccessControl } from './http/access-control.ts';
import { createBodyReader } from './http/body.ts';
import { createClientAddress } from './http/client-address.ts';
import { createHealth } from './http/health.ts';
import { createRouter } from './http/router.ts';
import { createHttpServer, type HttpServer } from './http/server.ts';
import { createIdentity, type Identity } from './identity/identity.ts';
import { createOpenIdProvider } from './identity/openid-provider.ts';
import { createAdmission } from './limits/admission.ts';
import { createBodyBudget } from './limits/body-budget.ts';
import { createDeveloperLimits } from './limits/developers.ts';
import { createOverloadWatch } from './limits/overload.ts';
import { createOutbound, type Outbound } from './outbound/outbound.ts';
import { createInference, type Inference } from './pipeline.ts';
import { createDesktopBootstrapEndpoint } from './policy/desktop-bootstrap.ts';
import { createManagedSettingsEndpoint } from './policy/managed-settings.ts';
import { createModelsEndpoint } from './policy/models-endpoint.ts';
import { createSettingsMark } from './policy/settings-mark.ts';
import { createRelay } from './relay/relay.ts';
import { createRoutes } from './routes.ts';
import { openStore } from './store/open.ts';
import type { Store } from './store/ports.ts';
import type { Snapshot } from './telemetry/snapshot.ts';
import type { Upstream } from './upstream/target.ts';
import { createUpstreams } from './upstream/upstreams.ts';

export interface GatewaySettings extends Program {
  readonly loaded: LoadedConfig;
  readonly environment: Environment;
  /** Origins on loopback that may be reached all the same: the practice parts of `gateway --dev`. */
  readonly allowedOrigins: readonly string[];
  /** Undefined in a gateway of one process. The first worker says what concerns all. */
  readonly worker: { readonly number: number; readonly isFirst: boolean; readonly of: number } | undefined;
}

/** A gateway that has everything but its port. */
export interface Gateway {
  readonly log: Log;
  readonly publicUrl: string;
  /** Binds the port and says what an operator checks first. Throws CodedError `address_in_use`. */
  listen(): Promise<void>;
  /** Opens `log.audit: file:…` anew, after something else has renamed it. */
  reopenLogs(): void;
  /** Reads the files of `listen.tls` anew; a pair that cannot be used changes nothing. */
  renewCertificate(): void;
  /** Puts what has changed in the file in force, as far as that can be without a restart. Never rejects. */
  reload(reread: Reread): Promise<void>;
  /** What it has counted, for the process that supervises it; nothing when nobody wants to know. */
  figures(): Promise<Snapshot>;
  /** Drains, then closes; `hurry` ends the waiting. */
  stop(hurry: AbortSignal): Promise<void>;
}

/** What every part of the house stands on. */
interface Ground {
  readonly settings: GatewaySettings;
  readonly config: LoadedConfig['config'];
  readonly publicUrl: string;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly closing: Closing;
}

/**
 * The composition root: everything up to listening, in dependency order. Fails closed: throws the CodedError of whichever
 * part cannot be had (`config_invalid`, `store_*`, `idp_*`), with everything opened before it closed again.
 */
export async function openGateway(settings: GatewaySettings, outside: Outside): Promise<Gateway> {
  const { loaded, environment, version, worker } = settings;
  const { config } = loaded;
  const { clock } = outside;
  const closing = createClosing();
  const journal = openJournal(
    { config, environment, version, workerNumber: worker?.number },
    outside,
    closing,
  );
  try {
    return await openRooms({ settings, config, publicUrl: publicUrlOf(config), journal, clock, closing });
  } catch (error) {
    await closing.close();
    throw error;
  }
}

async function openRooms(ground: Ground): Promise<Gateway> {
  const { settings, config, publicUrl, journal, clock, closing } = ground;
  const { loaded, environment } = settings;
  const { log, audit, metrics } = journal;
  audit('config.load', undefined, { path: loaded.path, sha256: loaded.sha256 });
  if (isSpeaker(settings)) for (const warning of bootWarnings(loaded, environment)) log.warn(warning);

  const tls = config.listen.tls && readTlsFiles(config.listen.tls);
  const store = await openStore(storeOptions(config), { clock, log, watch: metrics.store });
  closing.add(() => store.close());
  closing.add(startSweeping(store, clock));
  const clocks = createClockWatch({ clock, log, onOff: metrics.clockOff });
  closing.add(await clocks.followStore(store));
  const outbound = openOutbound(ground);
  const identity = await openIdentity(ground, store, outbound, clocks);

  const policies = openPolicies(config, publicUrl);
  const upstreams = await openUpstreams(config, { outbound, closing, log, clock, aws: environment.aws });
  const inference = openInference(ground, upstreams, policies);
  const { maxBufferedBytes } = bodyLimits(config, memoryLimitBytes(), settings.worker?.of);
  const figures = metrics.telemetry;
  const relayGround = { outbound, closing, figures, maxBufferedBytes, log, clock };
  const telemetry = openTelemetryRelay(config, relayGround);
  const health = createHealth({
    ping: store.ping,
    isDraining: () => server.isDraining,
    readinessGraceSeconds: config.store.readiness_grace_seconds,
    clock,
  });
  const { settingsOf, desktopOf } = policies;
  const routes = createRoutes({
    identity,
    health,
    models: createModelsEndpoint(policies),
    managedSettings: createManagedSettingsEndpoint({ settingsOf, version: settings.version, audit }),
    desktopBootstrap: createDesktopBootstrapEndpoint({ desktopOf, audit, clock }),
    inference,
    telemetry: telemetry.endpoint,
    protocol: openProtocolPage(
      { publicUrl, program: settings, processes: settings.worker?.of, inForce: policies.inForce },
      upstreams,
    ),
  });
  const server = createHttpServer(serverOptions(config, tls), {
    handle: createRouter({ routes, errorPage: identity.errorPage }, log),
    clientAddress: createClientAddress(config.listen.trusted_proxies),
    admit: createAccessControl(
      { allowCidrs: config.access_control.allow_cidrs, denyCidrs: config.access_control.deny_cidrs },
      { audit, log },
    ),
    onAnswered: metrics.answers(routes),
    onRefused: metrics.refused,
    log,
    clock,
  });
  return gatewayOf(ground, server, tls, { telemetry, policies });
}

/** Everything that leaves for a configured address leaves through here. */
function openOutbound({ settings, journal, closing }: Ground): Outbound {
  const { environment, allowedOrigins } = settings;
  const outbound = createOutbound(
    {
      allowLoopback: environment.allowsLoopback,
      allowedOrigins,
      proxies: environment.proxies,
      proxyIsEgressBoundary: environment.proxyIsEgressBoundary,
    },
    { log: journal.log },
  );
  closing.add(() => outbound.close());
  return outbound;
}

/** Who signs in, and who is signed in. */
async function openIdentity(
  { settings, config, publicUrl, journal, clock, closing }: Ground,
  store: Store,
  outbound: Outbound,
  clocks: ClockWatch,
): Promise<Identity> {
  const { log, audit } = journal;
  const fetch = outbound.fetch({
    useProxy: config.oidc.use_proxy ?? false,
    caPem: config.oidc.ca_cert_pem?.reveal(),
  });
  const provider = await createOpenIdProvider(providerOptions(config, publicUrl), {
    fetch: clocks.followProvider(fetch),
    clock,
    log,
  });
  closing.add(() => provider.close());
  const identity = createIdentity(identityOptions(config, publicUrl, settings), {
    store,
    provider,
    audit,
    log,
    clock,
  });
  await identity.start();
  closing.add(() => identity.stop());
  return identity;
}

/** The stages of the story in `pipeline.ts`. */
function openInference(
  { settings, config, journal, clock, closing }: Ground,
  upstreams: readonly Upstream[],
  { authorise }: Policies,
): Inference {
  const { log, audit, auditTrail, metrics } = journal;
  const { maxBytes, maxBufferedBytes } = bodyLimits(config, memoryLimitBytes(), settings.worker?.of);
  const overload = createOverloadWatch({}, { log, clock });
  closing.add(() => overload.stop());
  return createInference({
    admit: createAdmission({
      auditTrail,
      overload,
      enterDeveloper: createDeveloperLimits(developerLimits(config), clock),
      bodies: createBodyBudget({ maxBytes: maxBufferedBytes }, clock),
    }),
    readBody: createBodyReader({ maxBytes }),
    authorise,
    send: createUpstreams({ upstreams, ttfbMs: config.timeouts.upstream_ttfb_ms }, { audit, log, clock }),
    relay: metrics.relay(createRelay(clock)),
    audit,
    markSettings: createSettingsMark(config.session.jwt_secret),
    clock,
  });
}

/** The house with its door still shut. */
function gatewayOf(
  ground: Ground,
  server: HttpServer,
  tls: TlsFiles | undefined,
  { telemetry, policies }: { readonly telemetry: TelemetryDoor; readonly policies: Policies },
): Gateway {
  const { settings, config, publicUrl, journal, clock, closing } = ground;
  const { log, metrics } = journal;
  const { environment, worker } = settings;
  metrics.read({ openRequests: () => server.openRequests, auditLinesLost: journal.auditLinesLost });
  const metricsPage = worker ? undefined : openMetricsPage(config, metrics.snapshot);
  closing.add(() => metricsPage?.close());

  return {
    log,
    publicUrl,
    async listen() {
      const banner = settings.isPractice ? PRACTICE_BANNER : BANNER;
      if (isSpeaker(settings)) for (const line of banner) log.warn(line);
      const metricsUrl = await metricsPage?.listen();
      const { port } = await server.listen();
      const who = worker ? ` (worker ${worker.number})` : '';
      log.info(`sallyport gateway listening on ${listenerUrl(config, port)}${who}`);
      const facts = isSpeaker(settings) ? bootFacts(config, publicUrl, tls, environment) : [];
      for (const fact of facts) log.info(fact);
      if (metricsUrl !== undefined) log.info(`metrics: ${metricsUrl}`);
      await journal.flush();
    },
    reopenLogs: journal.reopen,
    reload: createReload({ path: settings.loaded.path, policies, log, audit: journal.audit }),
    renewCertificate: () => renewCertificate(config.listen.tls, server, log),
    figures: metrics.snapshot,
    async stop(hurry) {
      const graceMs = environment.drainTimeoutMs ?? config.shutdown.grace_seconds * 1000;
      const window = { delayMs: config.shutdown.delay_seconds * 1000, graceMs };
      const endsAtMs = clock.monotonicMs() + window.delayMs + graceMs;
      await drain(server, window, hurry, { log, clock });
      await telemetry.drain(endsAtMs - clock.monotonicMs(), hurry);
      await closing.close();
    },
  };
}

/** Of several workers one says what holds for all of them. */
function isSpeaker({ worker }: GatewaySettings): boolean {
  return worker?.isFirst ?? true;
}
