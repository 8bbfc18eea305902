import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { paths } from '../../src/kernel/protocol.ts';
import { json, type StandIn, startStandIn } from '../client/stand-in-gateway.ts';
import { sallyport } from '../support/gateway-process.ts';
import {
  CTRL_C,
  CTRL_D,
  ENTER,
  hasTerminal,
  startInTerminal,
  type Terminal,
  type TerminalOptions,
} from '../support/terminal.ts';

const COLOUR = /\u001b\[[0-9;]*m/;
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
const SPINNER = /[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] Waiting for the sign-in/;

describe.skipIf(!hasTerminal)('signing in', () => {
  let folder: string;
  let gateway: StandIn;
  /** Whether the sign-in has been approved in a browser. */
  let isApproved: boolean;
  let terminal: Terminal | undefined;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-looks-'));
    gateway = await startStandIn({
      routes: {
        [`POST ${paths.deviceAuthorization}`]: (_request, response) =>
          json(response, 200, {
            device_code: 'device-code',
            user_code: 'BCDF-GHJK',
            verification_uri: `${gateway.origin}/device`,
            expires_in: 600,
            interval: 1,
          }),
        [`POST ${paths.token}`]: (_request, response) =>
          isApproved
            ? json(response, 200, { access_token: 'token', token_type: 'Bearer', expires_in: 60 })
            : json(response, 400, { error: 'authorization_pending' }),
        [`POST ${paths.revocation}`]: (_request, response) => json(response, 200, {}),
      },
    });
  });

  afterEach(() => terminal?.close());

  afterAll(async () => {
    await gateway.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const args = () => ['login', '--gateway-url', gateway.origin, '--no-browser'];
  const env = () => ({ SALLYPORT_CONFIG_DIR: join(folder, 'developer') });

  function login(
    more: Readonly<Record<string, string>>,
    flags: readonly string[],
    options?: TerminalOptions,
  ) {
    isApproved = false;
    terminal = startInTerminal([...args(), ...flags], { ...env(), ...more }, options);
    return terminal;
  }

  it('spins in colour on a terminal, and gives the cursor back', async () => {
    const shown = login({}, []);
    await shown.shows(SPINNER);
    shown.type(CTRL_C);
    expect(await shown.ended).toBe(130);
    expect(shown.raw()).toMatch(COLOUR);
    expect(shown.raw()).toContain(HIDE_CURSOR);
    expect(shown.raw().lastIndexOf(SHOW_CURSOR)).toBeGreaterThan(shown.raw().lastIndexOf(HIDE_CURSOR));
  }, 60_000);

  it.each<[string, Readonly<Record<string, string>>, readonly string[]]>([
    ['NO_COLOR', { NO_COLOR: '1' }, []],
    ['--no-color', {}, ['--no-color']],
    ['FORCE_COLOR=0', { FORCE_COLOR: '0' }, []],
    ['NO_COLOR, whatever FORCE_COLOR says', { NO_COLOR: '1', FORCE_COLOR: '3' }, []],
  ])(
    'has no colour with %s, neither in the spinner nor in the question',
    async (_name, more, flags) => {
      const shown = login(more, flags);
      await shown.shows(SPINNER);
      isApproved = true;
      await shown.shows(/\? Signed in as .* Keep this session\? \(Y\/n\)/);
      shown.type(`n${ENTER}`);
      expect(await shown.ended).toBe(3);
      expect(shown.raw()).not.toMatch(COLOUR);
    },
    60_000,
  );

  it.each<[string, Readonly<Record<string, string>>, TerminalOptions]>([
    ['has no width', {}, { columns: 0, rows: 0 }],
    ['cannot move the cursor', { TERM: 'dumb' }, {}],
    ['is the log of a pipeline', { CI: 'true' }, {}],
  ])(
    'writes whole lines on a terminal that %s',
    async (_name, more, options) => {
      const shown = login(more, [], options);
      await shown.shows(/Open the link/);
      isApproved = true;
      await shown.shows(/\? Signed in as .* Keep this session\? \(Y\/n\) /);
      shown.type(`perhaps${ENTER}`);
      await shown.shows(/perhaps\n\? Signed in as .* \(Y\/n\) /);
      shown.type(`n${ENTER}`);
      expect(await shown.ended).toBe(3);
      expect(shown.text()).not.toMatch(SPINNER);
      expect(shown.raw().replaceAll(new RegExp(COLOUR, 'g'), '')).not.toContain('\u001b');
    },
    60_000,
  );

  it('keeps to one line that replaces itself on a narrow terminal', async () => {
    const shown = login({}, [], { columns: 40, rows: 20 });
    await shown.shows(SPINNER);
    shown.type(CTRL_C);
    expect(await shown.ended).toBe(130);
    // Two lines of the terminal are cleared, the upper one last.
    expect(shown.raw()).toContain('\u001b[1G\u001b[0K\u001b[1A\u001b[0K');
  }, 60_000);

  it.each([
    ['Ctrl-D', CTRL_D, {}],
    ['Ctrl-C', CTRL_C, {}],
    ['Ctrl-D where nothing is redrawn', CTRL_D, { TERM: 'dumb' }],
    ['Ctrl-C where nothing is redrawn', CTRL_C, { TERM: 'dumb' }],
  ])(
    'ends at a question with %s, and keeps nothing',
    async (_name, key, more) => {
      const shown = login(more, []);
      await shown.shows(/Open the link/);
      isApproved = true;
      await shown.shows(/Keep this session\?/);
      shown.type(key);
      expect(await shown.ended).toBe(130);
      expect(shown.text()).toMatch(/Error: Interrupted\n$/);
      expect(shown.text()).not.toContain('Warning');
      expect((await sallyport(['token'], { env: env() })).code).toBe(3);
    },
    60_000,
  );

  it('leaves nothing of the terminal in what is redirected, whatever FORCE_COLOR says', async () => {
    const file = join(folder, 'both.txt');
    const shown = login({ FORCE_COLOR: '3' }, [], { redirect: `>'${file}' 2>&1` });
    isApproved = true;
    expect(await shown.ended).toBe(0);
    const written = readFileSync(file, 'utf8');
    expect(written).toContain('Signed in to');
    expect(written).not.toMatch(/[\u001b⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]/);
    expect(shown.raw()).toBe('');
  }, 60_000);
});
