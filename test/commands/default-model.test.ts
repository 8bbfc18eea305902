import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultModel } from '../../src/commands/default-model.ts';
import { many } from '../support/property-runs.ts';

const chosenFrom = (ids: readonly string[]) => defaultModel(ids.map((id) => ({ id, displayName: '' })))?.id;

describe('the model for somebody who names none', () => {
  it.each([
    [['claude-fable-5', 'claude-sonnet-4-6', 'claude-sonnet-5', 'claude-haiku-5-5'], 'claude-sonnet-5'],
    [['claude-sonnet-5', 'claude-sonnet-5-5', 'claude-sonnet-4-6'], 'claude-sonnet-5-5'],
    [['claude-sonnet-4-9', 'claude-sonnet-4-10'], 'claude-sonnet-4-10'],
    [['claude-3-7-sonnet-20250219', 'claude-sonnet-4', 'claude-3-5-sonnet-20241022'], 'claude-sonnet-4'],
    [['claude-sonnet-4-20250514', 'claude-sonnet-4-5-20250929'], 'claude-sonnet-4-5-20250929'],
    [['claude-3-5-sonnet-20240620', 'claude-3-5-sonnet-20241022'], 'claude-3-5-sonnet-20241022'],
    [['anthropic.claude-sonnet-5-v1:0', 'claude-sonnet-4-6'], 'anthropic.claude-sonnet-5-v1:0'],
    [['our-sonnet', 'claude-opus-5'], 'our-sonnet'],
  ])('of %j is the newest Sonnet', (ids, id) => {
    expect(chosenFrom(ids)).toBe(id);
    expect(chosenFrom(ids.toReversed())).toBe(id);
  });

  it('is the first where there is no Sonnet', () => {
    expect(chosenFrom(['claude-opus-5', 'claude-haiku-4-5'])).toBe('claude-opus-5');
    expect(chosenFrom(['sonnets-of-shakespeare', 'a'])).toBe('sonnets-of-shakespeare');
    expect(chosenFrom([])).toBeUndefined();
  });

  it('is the first of Sonnets that are equally new', () => {
    expect(chosenFrom(['a', 'x-sonnet', 'y-sonnet'])).toBe('x-sonnet');
  });

  it('does not depend on the order of versions', () => {
    const version = fc.tuple(fc.integer({ min: 0, max: 99 }), fc.integer({ min: 0, max: 99 }));
    const versions = fc.uniqueArray(version, { minLength: 1, maxLength: 6, selector: String });
    fc.assert(
      fc.property(versions, (all) => {
        const [major, minor] = all.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]).at(-1) ?? [];
        const ids = ['claude-opus-99', ...all.map(([first, second]) => `claude-sonnet-${first}-${second}`)];
        expect(chosenFrom(ids)).toBe(`claude-sonnet-${major}-${minor}`);
      }),
      many(),
    );
  });
});
