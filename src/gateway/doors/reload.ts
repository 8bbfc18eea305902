import { changedSections } from '../../config/changed-sections.ts';
import type { GatewayConfig } from '../../config/gateway-config.ts';
import type { ConfigReading, LoadedConfig } from '../../config/load.ts';
import { problemLine } from '../../config/problems.ts';
import { isCodedError } from '../../kernel/coded-error.ts';
import type { Log } from '../../kernel/log.ts';
import type { Audit } from '../exchange.ts';
import { MODEL_SECTIONS, POLICY_SECTIONS, type Policies } from './policies.ts';

/** Reads the configuration file anew, as it was read at the start. */
export type Reread = () => Promise<ConfigReading>;

export interface ReloadParts {
  /** The file that the gateway started with. */
  readonly path: string;
  readonly policies: Pick<Policies, 'inForce' | 'adopt'>;
  readonly log: Log;
  readonly audit: Audit;
}

const NOTHING: ReadonlySet<keyof GatewayConfig> = new Set();
const APPLIED_LIVE: ReadonlySet<keyof GatewayConfig> = new Set(POLICY_SECTIONS);
const BY_UPSTREAMS: ReadonlySet<keyof GatewayConfig> = new Set(MODEL_SECTIONS);

/**
 * Puts what a changed file says of policies and models in force, and says which of its other sections wait for a restart.
 * Models are mapped upstream by upstream: beside changed upstreams they wait with them. Requests under way go on with what they began with. A file that is not valid, or cannot be read, changes nothing. One
 * after the other: what is asked for meanwhile is done once more. Never rejects.
 */
export function createReload(parts: ReloadParts): (reread: Reread) => Promise<void> {
  let running: Promise<void> | undefined;
  let isAskedAgain = false;

  const run = async (reread: Reread): Promise<void> => {
    do {
      isAskedAgain = false;
      await reloadOnce(reread, parts);
    } while (isAskedAgain);
    running = undefined;
  };

  return (reread) => {
    if (running) isAskedAgain = true;
    running ??= run(reread);
    return running;
  };
}

async function reloadOnce(reread: Reread, { path, policies, log, audit }: ReloadParts): Promise<void> {
  try {
    const reading = await reread();
    if (reading.kind === 'valid') {
      const { sha256 } = reading.loaded;
      const waiting = apply(reading.loaded, policies, log);
      audit('config.reload', undefined, {
        path,
        sha256,
        result: 'ok',
        waiting: waiting.join(' ') || undefined,
      });
      return;
    }
    const { problems, source, sha256 } = reading;
    const errors = problems.filter(({ severity }) => severity === 'error');
    for (const problem of errors) log.error(problemLine(problem, source));
    log.error(
      `SIGHUP: ${NOT_APPLIED}: it has ${errors.length === 1 ? 'an error' : `${errors.length} errors`}`,
    );
    audit('config.reload', undefined, { path, sha256, result: 'invalid' });
  } catch (error) {
    // The words of other errors may quote what they were about.
    const { reason, detail } = isCodedError(error)
      ? { reason: error.code, detail: error.detail ?? error.code }
      : { reason: 'internal', detail: error instanceof Error ? error.name : 'something was thrown' };
    log.error(`SIGHUP: ${NOT_APPLIED}: ${detail}`);
    audit('config.reload', undefined, { path, result: 'failed', reason });
  }
}

const NOT_APPLIED = 'the configuration was not applied, and the one in force stays';

/** Answers the sections that wait for a restart. */
function apply(
  { config, warnings, path }: LoadedConfig,
  policies: ReloadParts['policies'],
  log: Log,
): readonly (keyof GatewayConfig)[] {
  const changed = changedSections(policies.inForce(), config);
  const heldBack = changed.includes('upstreams') ? BY_UPSTREAMS : NOTHING;
  const live = changed.filter((section) => APPLIED_LIVE.has(section) && !heldBack.has(section));
  const waiting = changed.filter((section) => !live.includes(section));
  if (live.length > 0) policies.adopt(Object.fromEntries(live.map((section) => [section, config[section]])));
  for (const warning of warnings) log.warn(problemLine(warning, { name: path }));
  if (changed.length === 0) log.info('SIGHUP: nothing in the configuration has changed');
  if (live.length > 0) log.info(`SIGHUP: in force from now on: ${live.join(', ')}`);
  if (waiting.length > 0)
    log.warn(`SIGHUP: changed, but read at start only, so restart for it: ${waiting.join(', ')}`);
  const held = waiting.filter((section) => heldBack.has(section));
  if (held.length > 0)
    log.warn(`SIGHUP: models go by the upstreams, so these wait for the restart too: ${held.join(', ')}`);
  return waiting;
}
