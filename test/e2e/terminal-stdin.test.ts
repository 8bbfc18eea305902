import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { followLines, startSallyport } from '../support/gateway-process.ts';
import { hasTerminal, startInTerminal } from '../support/terminal.ts';

const WAITING = /^Waiting for stdin to end, since what is piped in is added to the message\./;

describe('ask', () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-stdin-'));
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const env = () => ({ SALLYPORT_CONFIG_DIR: folder });

  /** One that is given a message and a pipe that somebody holds open. */
  async function waiting() {
    const child = startSallyport(['ask', 'hello'], { env: env() });
    const exit = once(child, 'exit');
    const { lines, line } = followLines(child);
    await line(WAITING);
    return { child, exit, lines, line };
  }

  it('says what it waits for when nothing ends its stdin, and goes on when something does', async () => {
    const { child, exit, lines } = await waiting();
    child.stdin?.end('and this');
    expect(await exit).toEqual([3, null]);
    expect(lines.filter((text) => WAITING.test(text))).toHaveLength(1);
  }, 60_000);

  it('leaves with Ctrl-C while it waits', async () => {
    const { child, exit, line } = await waiting();
    child.kill('SIGINT');
    await line(/^Error: Interrupted$/);
    expect(await exit).toEqual([130, null]);
  }, 60_000);

  it.skipIf(!hasTerminal)(
    'does not wait for a terminal, and says that there is nothing to ask',
    async () => {
      const shown = startInTerminal(['ask'], env());
      expect(await shown.ended).toBe(2);
      expect(shown.text()).toMatch(/^Error: There is nothing to ask: give a message \(see .*--help\)\n$/);
    },
    60_000,
  );
});
