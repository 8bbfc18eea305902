import type { AuditFields } from '../exchange.ts';
import { metrics } from './metrics.ts';
import type { Cell, Histogram, Registry } from './registry.ts';

export interface InferenceFiguresParts {
  readonly registry: Registry;
  /** The catalog's id of what a client asked for; undefined when the catalog has no such model. */
  readonly modelId: (clientModel: string) => string | undefined;
}

type Value = AuditFields[string];

/** Where one combination of labels is counted. */
interface Counters {
  readonly requests: Cell;
  readonly duration: Histogram;
  firstByte(seconds: number): void;
  readonly tokens: Readonly<Record<TokenKind, (count: Value) => void>>;
}

type TokenKind = 'input' | 'output' | 'cache_read' | 'cache_write';

/** Clients can name any model: what is remembered of what they wrote is bounded. */
const MAX_REMEMBERED = 4_096;
const NOT_IN_CATALOG = 'other';

/** Counts requests from their `inference` audit events. Labels are looked up once for each combination of words. */
export function createInferenceFigures({
  registry,
  modelId,
}: InferenceFiguresParts): (fields: AuditFields) => void {
  const failovers = registry.cell(metrics.failovers, {});
  const remembered = new Map<string, Counters>();

  const countersFor = (fields: AuditFields): Counters => {
    const { endpoint, status, outcome, upstream, model } = fields;
    const key = `${endpoint}\n${status}\n${outcome}\n${upstream}\n${model}`;
    const known = remembered.get(key);
    if (known) return known;
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    const found = openCounters(registry, {
      endpoint: word(endpoint),
      status: word(status),
      outcome: word(outcome),
      upstream: word(upstream),
      model: typeof model === 'string' ? (modelId(model) ?? NOT_IN_CATALOG) : '',
    });
    remembered.set(key, found);
    return found;
  };

  return (fields) => {
    const { requests, duration, firstByte, tokens } = countersFor(fields);
    const { attempts, duration_ms: durationMs, ttfb_ms: firstByteMs } = fields;
    requests.value += 1;
    if (typeof attempts === 'number' && attempts > 1) failovers.value += attempts - 1;
    if (typeof durationMs === 'number') duration.observe(durationMs / 1000);
    if (typeof firstByteMs === 'number') firstByte(firstByteMs / 1000);
    tokens.input(fields['input_tokens']);
    tokens.output(fields['output_tokens']);
    tokens.cache_read(fields['cache_read_tokens']);
    tokens.cache_write(fields['cache_write_tokens']);
  };
}

/** Series of what most combinations never have are opened by their first value. */
function openCounters(
  registry: Registry,
  labels: Readonly<Record<'endpoint' | 'status' | 'outcome' | 'upstream' | 'model', string>>,
): Counters {
  let firstByte: Histogram | undefined;
  const tokenCounter = (kind: TokenKind) => {
    let cell: Cell | undefined;
    return (count: Value) => {
      if (typeof count !== 'number' || !(count > 0)) return;
      cell ??= registry.cell(metrics.tokens, { ...labels, kind });
      cell.value += count;
    };
  };
  return {
    requests: registry.cell(metrics.inferenceRequests, labels),
    duration: registry.histogram(metrics.inferenceDuration, labels),
    firstByte(seconds) {
      firstByte ??= registry.histogram(metrics.inferenceFirstByte, labels);
      firstByte.observe(seconds);
    },
    tokens: {
      input: tokenCounter('input'),
      output: tokenCounter('output'),
      cache_read: tokenCounter('cache_read'),
      cache_write: tokenCounter('cache_write'),
    },
  };
}

function word(value: Value): string {
  return value === undefined || value === null ? '' : String(value);
}
