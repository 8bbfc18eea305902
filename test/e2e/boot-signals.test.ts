import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { followLines, startSallyport } from '../support/gateway-process.ts';

describe('gateway --dev that is told to stop while its store starts', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-boot-signals-'));
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** A gateway whose embedded store is just being made, in the only folder of its temporary folder. */
  async function starting() {
    const child = startSallyport(['gateway', '--dev'], { env: { TMPDIR: folder } });
    const exit = once(child, 'exit');
    const { lines, line } = followLines(child);
    await line(/"evt":"config\.load"/);
    expect(readdirSync(folder)).toEqual([expect.stringMatching(/^sallyport-practice-/)]);
    return { child, exit, lines };
  }

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'ends in order on %s, without having listened, and leaves no folder behind',
    async (signal) => {
      const { child, exit, lines } = await starting();
      child.kill(signal);
      expect(await exit).toEqual([0, null]);
      expect(readdirSync(folder)).toEqual([]);
      expect(lines.join('\n')).toContain('told to stop while starting');
      expect(lines.join('\n')).not.toMatch(/listening|Error/);
    },
    60_000,
  );

  it('does not wait for the store after a second signal, and leaves no folder behind', async () => {
    const { child, exit, lines } = await starting();
    const over = once(child, 'close');
    for (const signal of ['SIGTERM', 'SIGINT'] as const) child.kill(signal);
    expect(await exit).toEqual([130, null]);
    await over;
    expect(readdirSync(folder)).toEqual([]);
    expect(lines.at(-1)).toBe('Error: Interrupted');
  }, 60_000);
});
