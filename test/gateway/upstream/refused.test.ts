import { describe, expect, it } from 'vitest';
import { createRefused } from '../../../src/gateway/upstream/learned-refusals.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { createMemoryLog } from '../../support/memory-log.ts';

function standUp() {
  const log = createMemoryLog();
  return { log, refused: createRefused('cloud', { clock: createManualClock(), log }) };
}

describe('what is remembered of refusals', () => {
  it('is bounded: the newest models and names stay', () => {
    const { refused } = standUp();
    for (let i = 0; i < 1_000; i += 1) refused.learn(`model-${i}`, 'fields', 'metadata');
    for (let i = 0; i < 1_000; i += 1) refused.learn('model-999', 'betas', `pdfs-${i}`);
    expect(refused.of('model-799')).toBeUndefined();
    expect(refused.of('model-800')?.fields).toEqual(new Set(['metadata']));
    const { betas, fields } = refused.of('model-999') ?? {};
    expect([betas?.size, fields?.size, betas?.has('pdfs-999'), betas?.has('pdfs-949')]).toEqual([
      50,
      0,
      true,
      false,
    ]);
  });

  it('is logged once for each, with a name that cannot break the line', () => {
    const { refused, log } = standUp();
    for (let i = 0; i < 3; i += 1) refused.learn('claude\n', 'fields', 'metadata');
    expect(log.lines).toEqual([
      'warn upstream cloud: claude\\u000a refuses metadata, which is left out there for 24 hours',
    ]);
  });
});
