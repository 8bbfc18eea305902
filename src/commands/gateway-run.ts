import cluster from 'node:cluster';
import { resolve } from 'node:path';
import { readEnvironment } from '../config/environment.ts';
import { loadConfig, readConfig, readSecretFile } from '../config/load.ts';
import { createAllowListJudge } from '../gateway/doors/judge-allow-list.ts';
import { type Gateway, openGateway } from '../gateway/start.ts';
import { CodedError } from '../kernel/coded-error.ts';
import { type Control, controlBySignals, controlBySupervisor } from './gateway-control.ts';
import { refuseSharedEmbeddedStore, superviseWorkers, workerCount } from './gateway-workers.ts';
import type { Host } from './host.ts';
import type { GatewayCommandOptions, PreparedGateway } from './prepared-gateway.ts';

/**
 * Runs until SIGTERM or SIGINT; a second one ends without waiting. Throws the CodedError of what kept it from starting, and
 * `interrupted` when it was told to end before it could.
 */
export async function runGateway(host: Host, options: GatewayCommandOptions, version: string): Promise<void> {
  const environment = readEnvironment(host.env);
  const workers = workerCount(options.workers);
  // From here on a signal is a wish: whatever has been opened or made is closed or removed again.
  const control = cluster.worker ? controlBySupervisor(host) : controlBySignals(host);
  try {
    const { loaded, reread, close, nextSteps, ...rest } = await prepare(host, options);
    try {
      refuseSharedEmbeddedStore(loaded, workers);
      if (workers > 1 && !cluster.worker && !options.check) {
        control.release();
        if (control.stop.aborted) return;
        return await superviseWorkers(host, workers, { level: environment.logLevel, loaded, version });
      }
      const outside = { stdout: host.stdout, stderr: host.stderr, clock: host.clock };
      const worker = cluster.worker && {
        number: cluster.worker.id,
        isFirst: cluster.worker.id === 1,
        of: workers,
      };
      const gateway = await opened(
        openGateway({ loaded, environment, version, worker, ...rest }, outside),
        control,
      );
      if (options.check) await passCheck(gateway, control);
      else await serve(host, gateway, { nextSteps, reread }, control);
    } finally {
      await close();
    }
  } finally {
    control.release();
  }
}

/** The gateway, once it is open. The first signal waits for that, so that it can be closed in order; the second does not. */
async function opened(opening: Promise<Gateway>, { hurry }: Control): Promise<Gateway> {
  const gateway = await Promise.race([opening, aborted(hurry)]);
  if (gateway) return gateway;
  // Nobody waits for it any more.
  opening.catch(() => undefined);
  throw new CodedError('interrupted');
}

async function prepare(host: Host, options: GatewayCommandOptions): Promise<PreparedGateway> {
  if (options.dev && options.workers !== undefined)
    throw new CodedError('bad_usage', { detail: '--dev runs in one process; leave --workers out' });
  if (options.dev) {
    // An identity provider is a third of all there is to load; who does not practise never needs it.
    const { preparePractice } = await import('./gateway-practice.ts');
    return preparePractice(host, options);
  }
  if (options.data !== undefined)
    throw new CodedError('bad_usage', { detail: '--data goes with --dev; name store.embedded in the file' });
  if (options.config === undefined)
    throw new CodedError('bad_usage', {
      detail: 'The gateway needs its configuration: --config gateway.yaml, or --dev to practise without one',
    });
  return prepareFile(host, options.config);
}

async function prepareFile(host: Host, file: string): Promise<PreparedGateway> {
  const path = resolve(host.cwd, file);
  const inputs = { env: host.env, readFile: readSecretFile, judgeAllowList: createAllowListJudge() };
  const loaded = await loadConfig(path, inputs);
  const reread = () => readConfig(path, inputs);
  return {
    loaded,
    reread,
    allowedOrigins: [],
    isPractice: false,
    nextSteps: '',
    close: async () => undefined,
  };
}

async function passCheck(gateway: Gateway, { stop }: Control): Promise<void> {
  if (!stop.aborted)
    gateway.log.info(
      'check passed: configuration, store, migrations, identity provider and upstream clients are ready',
    );
  await gateway.stop(AbortSignal.abort());
  if (stop.aborted) throw new CodedError('interrupted');
}

/** Listens until told to stop. */
async function serve(
  host: Host,
  gateway: Gateway,
  { nextSteps, reread }: Pick<PreparedGateway, 'nextSteps' | 'reread'>,
  control: Control,
): Promise<void> {
  control.onReopen(() => {
    gateway.reopenLogs();
    gateway.log.info('SIGHUP: log files were opened anew');
    gateway.renewCertificate();
    // It never rejects: what goes wrong is in the log.
    if (reread) void gateway.reload(reread);
  });
  control.onMetrics(gateway.figures);
  try {
    if (control.stop.aborted) return gateway.log.info('told to stop while starting');
    await gateway.listen();
    if (nextSteps !== '') host.stderr.write(nextSteps);
    await aborted(control.stop);
  } finally {
    await gateway.stop(control.hurry);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done();
    else signal.addEventListener('abort', () => done(), { once: true });
  });
}
