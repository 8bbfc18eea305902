import { describe, expect, it } from 'vitest';
import { hasBrowser, isOpenable, openerFor } from '../../src/client/browser.ts';

const ORIGIN = 'https://gateway.example.test:8443';

describe('a link', () => {
  it("is opened on the gateway's own origin", () => {
    expect(isOpenable(`${ORIGIN}/device?user_code=A`, ORIGIN)).toBe(true);
  });

  it.each([
    'https://gateway.example.test/device',
    'http://gateway.example.test:8443/device',
    'https://gateway.example.test:8443.evil.test/',
    'https://gateway.example.test:8443@evil.test/',
    'https://ada:pw@gateway.example.test:8443/',
    'file:///bin/sh',
    '/device',
    '-a Calculator',
    '',
  ])('is not opened: %s', (link) => {
    expect(isOpenable(link, ORIGIN)).toBe(false);
  });

  it('is one argument of the opener, whatever it holds', () => {
    const link = `${ORIGIN}/device?a=1&b=$(x)`;
    for (const platform of ['linux', 'darwin', 'win32'] as const) {
      const { command, args } = openerFor(platform, {}, link);
      expect(args.at(-1)).toBe(link);
      expect(command).not.toMatch(/sh$|cmd|powershell/);
    }
  });
});

describe('a browser', () => {
  it('is there on a desktop, not over SSH and not without a display', () => {
    expect(hasBrowser('darwin', {})).toBe(true);
    expect(hasBrowser('linux', { DISPLAY: ':0' })).toBe(true);
    expect(hasBrowser('linux', { WSL_DISTRO_NAME: 'Debian' })).toBe(true);
    expect(hasBrowser('linux', {})).toBe(false);
    expect(hasBrowser('darwin', { SSH_CONNECTION: '1' })).toBe(false);
    expect(hasBrowser('linux', { DISPLAY: ':10', SSH_TTY: '/dev/pts/1' })).toBe(false);
  });
});
