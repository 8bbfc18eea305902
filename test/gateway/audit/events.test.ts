import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { auditEvents } from '../../../src/gateway/audit/events.ts';

const gateway = fileURLToPath(new URL('../../../src/gateway', import.meta.url));
const sources = readdirSync(gateway, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(join(gateway, name), 'utf8'))
  .join('\n');

describe('the table of audit events', () => {
  it.each(Object.entries(auditEvents))('tells of %s whether anything records it', (name, { isLater }) => {
    expect(sources.includes(`audit('${name}'`)).toBe(!isLater);
  });
});
