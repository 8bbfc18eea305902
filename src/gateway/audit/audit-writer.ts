import type { Clock } from '../../kernel/clock.ts';
import { escapeControl } from '../../kernel/log.ts';
import type { Audit, AuditFields } from '../exchange.ts';
import type { LineWriter } from './line-writer.ts';

export interface AuditWriter {
  readonly audit: Audit;
  /** Writes `gateway.stop` with the totals and flushes. */
  close(): Promise<void>;
}

/**
 * Writes one JSON line per event: `ts`, `evt`, `request_id`, the event's fields, `seq`. The first line that is kept after
 * lost ones says how many are missing (`lost`). Never throws and never waits.
 */
export function createAuditWriter(lines: LineWriter, clock: Clock, worker?: number): AuditWriter {
  /** Of several processes each counts its own lines. */
  const mark = worker === undefined ? '' : `,"worker":${worker}`;
  let seq = 0;
  let kept = 0;
  let reportedLost = 0;
  let lastSecond = Number.NaN;
  let lastSecondText = '';

  /** ISO 8601 with milliseconds; the part up to the second is made once a second. */
  const timestamp = (): string => {
    const now = Math.floor(clock.now());
    const second = Math.floor(now / 1000);
    if (second !== lastSecond) {
      lastSecond = second;
      lastSecondText = new Date(second * 1000).toISOString().slice(0, 19);
    }
    return `${lastSecondText}.${String(now - second * 1000).padStart(3, '0')}Z`;
  };

  /** A line that is lost has told nobody of the ones before it. */
  const onLost = (told: number): void => {
    kept -= 1;
    reportedLost -= told;
  };
  const onLostPlain = (): void => onLost(0);

  const audit: Audit = (event, requestId, fields) => {
    seq += 1;
    let line = `{"ts":"${timestamp()}","evt":"${event}"`;
    if (requestId !== undefined) line += `,"request_id":"${requestId}"`;
    line += members(fields);
    line += `,"seq":${seq}${mark}`;
    const newlyLost = lines.lost - reportedLost;
    if (newlyLost > 0) line += `,"lost":${newlyLost}`;
    if (!lines.write(`${line}}\n`, newlyLost > 0 ? () => onLost(newlyLost) : onLostPlain)) return;
    kept += 1;
    reportedLost += newlyLost;
  };

  return {
    audit,
    async close() {
      // Makes room for the last line.
      await lines.flush();
      audit('gateway.stop', undefined, { lines: kept + 1, lost: lines.lost });
      await lines.flush();
    },
  };
}

/** JSON members with a leading comma each, control characters escaped, undefined ones left out. */
function members(fields: AuditFields): string {
  let text = '';
  for (const key in fields) {
    const value = fields[key];
    if (value === undefined) continue;
    text += `,"${key}":${typeof value === 'string' ? quoted(value) : plain(value)}`;
  }
  return text;
}

/** JSON has no word for what is no number. */
function plain(value: number | boolean | null): string {
  return typeof value === 'number' && !Number.isFinite(value) ? 'null' : String(value);
}

function quoted(value: string): string {
  return NEEDS_ESCAPING.test(value) ? escapeControl(JSON.stringify(value)) : `"${value}"`;
}

const NEEDS_ESCAPING = /["\\\u0000-\u001f\u007f-\u009f\u2028\u2029\ud800-\udfff]/;
