import type { AuditEventName, AuditFields } from '../exchange.ts';
import { createInferenceFigures, type InferenceFiguresParts } from './inference-figures.ts';
import { metrics } from './metrics.ts';
import type { Cell } from './registry.ts';

/** What a result looks like; anything else could be somebody's text. */
const WORD = /^[a-z][a-z0-9_]{0,39}$/;
const OTHER = 'other';

/** Counts audit events. Requests, tokens, failovers and cooldowns have figures of their own. */
export function createAuditFigures(
  parts: InferenceFiguresParts,
): (event: AuditEventName, fields: AuditFields) => void {
  const { registry } = parts;
  const countInference = createInferenceFigures(parts);
  const cells = new Map<string, Cell>();

  const countEvent = (event: AuditEventName, { result, reason }: AuditFields): void => {
    const text = String(result ?? reason ?? '');
    const label = text === '' || WORD.test(text) ? text : OTHER;
    const key = `${event} ${label}`;
    const cell = cells.get(key) ?? registry.cell(metrics.auditEvents, { event, result: label });
    cells.set(key, cell);
    cell.value += 1;
  };

  const countCooldown = ({ upstream, state }: AuditFields): void => {
    const labels = { upstream: String(upstream) };
    if (state === 'started') registry.cell(metrics.cooldowns, labels).value += 1;
    registry.cell(metrics.cooling, labels).value = state === 'started' ? 1 : 0;
  };

  return (event, fields) => {
    if (event === 'inference') return countInference(fields);
    if (event === 'upstream.cooldown') return countCooldown(fields);
    countEvent(event, fields);
  };
}
