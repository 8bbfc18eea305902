import { describe, expect, it } from 'vitest';
import { createRefused } from '../../../src/gateway/upstream/learned-refusals.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { createMemoryLog } from '../../support/memory-log.ts';

function standUp() {
  const log = createMemoryLog();
  const clock = createManualClock();
  return { log, clock, refused: createRefused('cloud', { clock, log }) };
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

  it('is listed while it holds, in an array that stays the same until that changes', () => {
    const { refused, clock } = standUp();
    expect(refused.learnt()).toEqual([]);
    refused.learn('claude-a', 'fields', 'metadata');
    const one = refused.learnt();
    expect(one).toEqual([{ model: 'claude-a', name: 'metadata' }]);
    expect(refused.learnt()).toBe(one);
    clock.advance(3_600_000);
    refused.learn('claude-b', 'betas', 'pdfs-2024-09-25');
    expect(refused.learnt()).toEqual([...one, { model: 'claude-b', name: 'pdfs-2024-09-25' }]);
    clock.advance(23 * 3_600_000);
    expect(refused.learnt()).toEqual([{ model: 'claude-b', name: 'pdfs-2024-09-25' }]);
    clock.advance(3_600_000);
    expect(refused.learnt()).toEqual([]);
  });
});
