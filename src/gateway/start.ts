import type { Writable } from 'node:stream';
import type { Environment } from '../config/environment.ts';
import type { LoadedConfig } from '../config/load.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';
import { watchAuditTrail } from './audit/audit-trail.ts';
import { createAuditWriter } from './audit/audit-writer.ts';
import { createLineWriter, type LineWriter } from './audit/line-writer.ts';
import { createReopenableFile } from './audit/reopenable-file.ts';
import { builtinModels } from './catalog/builtin-models.ts';
import { createCatalog } from './catalog/catalog.ts';
import { appendable } from './doors/appendable.ts';
import { BANNER, bootFacts, bootWarnings, PRACTICE_BANNER } from './doors/boot-report.ts';
import { createClockWatch } from './doors/clock-watch.ts';
import { type Closing, createClosing } from './doors/closing.ts';
import { drain } from './doors/drain.ts';
import { memoryLimitBytes } from './doors/memory-limit.ts';
import { openMetrics, openMetricsPage } from './doors/metrics.ts';
import {
  bodyLimits,
  catalogOptions,
  developerLimits,
  identityOptions,
  listenerUrl,
  modelPolicies,
  type Program,
  providerOptions,
  providerSettings,
  publicUrlOf,
  serverOptions,
  storeOptions,
  upstreamOptions,
} from './doors/settings.ts';
import { startSweeping } from './doors/sweeping.ts';
import { readTlsFiles } from './doors/tls-files.ts';
import { createAccessControl } from './http/access-control.ts';
import { createBodyReader } from './http/body.ts';
import { createClientAddress } from './http/client-address.ts';
import { createHealth } from './http/health.ts';
import { createRouter } from './http/router.ts';
import { createHttpServer } from './http/server.ts';
import { createIdentity } from './identity/identity.ts';
import { createOpenIdProvider } from './identity/openid-provider.ts';
import { createAdmission } from './limits/admission.ts';
import { createBodyBudget } from './limits/body-budget.ts';
import { createDeveloperLimits } from './limits/developers.ts';
import { createOverloadWatch } from './limits/overload.ts';
import { createLog } from './log-writer.ts';
import { createOutbound, type Outbound } from './outbound/outbound.ts';
import { createInference } from './pipeline.ts';
import { createAuthorisation } from './policy/authorise.ts';
import { createModelsEndpoint } from './policy/models-endpoint.ts';
import { createRelay } from './relay/relay.ts';
import { createRoutes } from './routes.ts';
import { openStore } from './store/open.ts';
import type { Snapshot } from './telemetry/snapshot.ts';
import { createProvider } from './upstream/providers/table.ts';
import type { Upstream } from './upstream/target.ts';
import { createTransport } from './upstream/transport.ts';
import { createUpstreams } from './upstream/upstreams.ts';

export interface GatewaySettings extends Program {
  readonly loaded: LoadedConfig;
  readonly environment: Environment;
  /** Origins on loopback that may be reached all the same: the practice parts of `gateway --dev`. */
  readonly allowedOrigins: readonly string[];
  /** Undefined in a gateway of one process. The first worker says what concerns all. */
  readonly worker: { readonly number: number; readonly isFirst: boolean; readonly of: number } | undefined;
}

export interface Outside {
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly clock: Clock;
}

/** A gateway that has everything but its port. */
export interface Gateway {
  readonly log: Log;
  readonly publicUrl: string;
  /** Binds the port and says what an operator checks first. Throws CodedError `address_in_use`. */
  listen(): Promise<void>;
  /** Opens `log.audit: file:…` anew, after something else has renamed it. */
  reopenLogs(): void;
  /** What it has counted, for the process that supervises it; nothing when nobody wants to know. */
  figures(): Promise<Snapshot>;
  /** Drains, then closes; `hurry` ends the waiting. */
  stop(hurry: AbortSignal): Promise<void>;
}

const STREAM_BUFFER_BYTES = 16 * 1024 * 1024;

/**
 * The composition root: everything up to listening, in dependency order. Fails closed: throws the CodedError of whichever
 * part cannot be had (`config_invalid`, `store_*`, `idp_*`), with everything opened before it closed again.
 */
export async function openGateway(settings: GatewaySettings, outside: Outside): Promise<Gateway> {
  const { loaded, environment, allowedOrigins } = settings;
  const { config } = loaded;
  const { clock } = outside;
  const closing = createClosing();
  const lines = createLineWriter(outside.stderr, STREAM_BUFFER_BYTES);
  closing.add(() => lines.flush());
  const log = createLog(
    { level: environment.logLevel, format: config.log.format, write: lines.write },
    clock,
  );
  const auditLines = openAuditLines(config.log.audit, outside, lines);
  const auditWriter = createAuditWriter(auditLines.lines, clock, settings.worker?.number);
  closing.add(auditWriter.close);
  const auditTrail = watchAuditTrail(config.log.on_audit_failure, auditLines.lines, { log, clock });
  const metrics = openMetrics(config, settings.version, clock);
  closing.add(metrics.close);
  const audit = metrics.audit(auditWriter.audit);

  try {
    audit('config.load', undefined, { path: loaded.path, sha256: loaded.sha256 });
    if (isSpeaker(settings)) for (const warning of bootWarnings(loaded, environment)) log.warn(warning);

    const publicUrl = publicUrlOf(config);
    const tls = config.listen.tls && readTlsFiles(config.listen.tls);
    const store = await openStore(storeOptions(config), { clock, log, watch: metrics.store });
    closing.add(() => store.close());
    closing.add(startSweeping(store, clock));
    const clocks = createClockWatch({ clock, log, count: metrics.clockOff });
    closing.add(await clocks.followStore(store));
    const outbound = createOutbound(
      {
        allowLoopback: environment.allowsLoopback,
        allowedOrigins,
        proxies: environment.proxies,
        proxyIsEgressBoundary: environment.proxyIsEgressBoundary,
      },
      { log },
    );
    closing.add(() => outbound.close());
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

    const catalog = createCatalog(catalogOptions(config), builtinModels());
    const { authorise, allowedModels } = createAuthorisation({ policies: modelPolicies(config), catalog });
    const upstreams = openUpstreams(config, outbound, closing);
    const { maxBytes, maxBufferedBytes } = bodyLimits(config, memoryLimitBytes(), settings.worker?.of);
    const overload = createOverloadWatch({}, { log, clock });
    closing.add(() => overload.stop());
    const inference = createInference({
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
      clock,
    });
    const health = createHealth({
      ping: store.ping,
      isDraining: () => server.isDraining,
      readinessGraceSeconds: config.store.readiness_grace_seconds,
      clock,
    });
    const models = createModelsEndpoint(allowedModels);
    const routes = createRoutes({ identity, health, models, inference });
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
    metrics.read({
      openRequests: () => server.openRequests,
      auditLinesLost: () => auditLines.lines.lost,
    });
    const metricsPage = settings.worker ? undefined : openMetricsPage(config, metrics.snapshot);
    closing.add(() => metricsPage?.close());

    return {
      log,
      publicUrl,
      async listen() {
        const banner = settings.isPractice ? PRACTICE_BANNER : BANNER;
        if (isSpeaker(settings)) for (const line of banner) log.warn(line);
        const metricsUrl = await metricsPage?.listen();
        const { port } = await server.listen();
        const who = settings.worker ? ` (worker ${settings.worker.number})` : '';
        log.info(`sallyport gateway listening on ${listenerUrl(config, port)}${who}`);
        const facts = isSpeaker(settings) ? bootFacts(config, publicUrl, tls, environment) : [];
        for (const fact of facts) log.info(fact);
        if (metricsUrl !== undefined) log.info(`metrics: ${metricsUrl}`);
        await lines.flush();
      },
      reopenLogs: auditLines.reopen,
      figures: metrics.snapshot,
      async stop(hurry) {
        const graceMs = environment.drainTimeoutMs ?? config.shutdown.grace_seconds * 1000;
        await drain(server, { delayMs: config.shutdown.delay_seconds * 1000, graceMs }, hurry, {
          log,
          clock,
        });
        await closing.close();
      },
    };
  } catch (error) {
    await closing.close();
    throw error;
  }
}

/** Of several workers one says what holds for all of them. */
function isSpeaker({ worker }: GatewaySettings): boolean {
  return worker?.isFirst ?? true;
}

interface AuditLines {
  readonly lines: LineWriter;
  reopen(): void;
}

/** Where audit events go: `stderr` (in one order with the log), `stdout` or `file:/path`. */
function openAuditLines(target: string, { stdout }: Outside, stderrLines: LineWriter): AuditLines {
  if (target === 'stderr') return { lines: stderrLines, reopen: () => undefined };
  if (target === 'stdout')
    return { lines: createLineWriter(stdout, STREAM_BUFFER_BYTES), reopen: () => undefined };
  const file = createReopenableFile(appendable(target.replace(/^file:/, '')));
  return { lines: createLineWriter(file, STREAM_BUFFER_BYTES), reopen: () => file.reopen() };
}

/** One provider and one connection pool for each entry of `upstreams`, in order. */
function openUpstreams(
  { upstreams, timeouts }: LoadedConfig['config'],
  outbound: Outbound,
  closing: Closing,
): readonly Upstream[] {
  return upstreams.map((entry, index) => {
    const provider = createProvider(providerSettings(entry));
    const transport = createTransport({
      origin: provider.origin,
      connect: outbound.connector({ useProxy: true }),
      idleTimeoutMs: timeouts.upstream_idle_ms,
    });
    closing.add(() => transport.close());
    return { name: entry.name, provider, transport, ...upstreamOptions(entry, index) };
  });
}
