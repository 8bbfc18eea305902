import { expect } from 'vitest';

/**
 * What the running test file's programs know and must not print, added as it comes up; `fresh-transcript.ts` empties it before
 * each file and searches for it after.
 */
export const secretsOfFile = new Set<string>();

/** Checks that none of these texts, nor their base64 forms, is in what was printed. Names them by position only. */
export function expectNoLeaks(printed: readonly string[], secrets: readonly string[]): void {
  const text = printed.join('\n');
  const leaked = secrets.flatMap((secret, i) => {
    const forms = [secret, Buffer.from(secret).toString('base64'), Buffer.from(secret).toString('base64url')];
    return forms.some((form) => form.length >= 6 && text.includes(form)) ? [`secret ${i}`] : [];
  });
  expect(text.length).toBeGreaterThan(0);
  expect(leaked).toEqual([]);
}
