import type { Writable } from 'node:stream';
import type { Environment } from '../../config/environment.ts';
import type { GatewayConfig } from '../../config/gateway-config.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Log } from '../../kernel/log.ts';
import { type AuditTrail, watchAuditTrail } from '../audit/audit-trail.ts';
import { createAuditWriter } from '../audit/audit-writer.ts';
import { createLineWriter, type LineWriter } from '../audit/line-writer.ts';
import { createReopenableFile } from '../audit/reopenable-file.ts';
import type { Audit } from '../exchange.ts';
import { createLog } from '../log-writer.ts';
import type { GatewayMetrics } from '../telemetry/gateway-metrics.ts';
import { appendable } from './appendable.ts';
import type { Closing } from './closing.ts';
import { openMetrics } from './metrics.ts';

export interface Outside {
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly clock: Clock;
}

export interface JournalOptions {
  readonly config: GatewayConfig;
  readonly environment: Environment;
  readonly version: string;
  readonly workerNumber: number | undefined;
}

/** All that a gateway writes down and counts. */
export interface Journal {
  readonly log: Log;
  readonly audit: Audit;
  readonly auditTrail: AuditTrail;
  readonly auditLinesLost: () => number;
  readonly metrics: GatewayMetrics;
  /** Resolves when the log so far has left. */
  flush(): Promise<void>;
  /** Opens `log.audit: file:…` anew, after something else has renamed it. */
  reopen(): void;
}

const STREAM_BUFFER_BYTES = 16 * 1024 * 1024;

/** Opened before anything else, closed after everything else. Throws CodedError `config_invalid` for an audit file that cannot be written. */
export function openJournal(
  { config, environment, version, workerNumber }: JournalOptions,
  outside: Outside,
  closing: Closing,
): Journal {
  const { clock } = outside;
  const lines = createLineWriter(outside.stderr, STREAM_BUFFER_BYTES);
  closing.add(() => lines.flush());
  const log = createLog(
    { level: environment.logLevel, format: config.log.format, write: lines.write },
    clock,
  );
  const auditLines = openAuditLines(config.log.audit, outside, lines);
  const auditWriter = createAuditWriter(auditLines.lines, clock, workerNumber);
  closing.add(auditWriter.close);
  const auditTrail = watchAuditTrail(config.log.on_audit_failure, auditLines.lines, { log, clock });
  const metrics = openMetrics(config, version, clock);
  closing.add(metrics.close);
  return {
    log,
    audit: metrics.audit(auditWriter.audit),
    auditTrail,
    auditLinesLost: () => auditLines.lines.lost,
    metrics,
    flush: lines.flush,
    reopen: auditLines.reopen,
  };
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
