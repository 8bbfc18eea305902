import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type CommandResult, sallyport, transcript } from '../support/gateway-process.ts';
import { expectNoLeaks } from '../support/leaks.ts';
import { recordedDestinations, recordingEnv } from '../support/recorded-connections.ts';

/** A label of 64 letters is one too many: the resolver of this machine says no without asking another. */
const UNKNOWN = `${'a'.repeat(64)}.invalid`;
const PROXY_PASSWORD = 'the-password-of-the-proxy';
const PROXY = `http://ada:${PROXY_PASSWORD}@203.0.113.9:3128`;

let folder: string;
let record: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-refusals-'));
  record = join(folder, 'connections');
});

beforeEach(() => rmSync(record, { force: true }));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The real command with this machine's own resolver, its connections written down. */
function login(url: string, env: Readonly<Record<string, string>> = {}): Promise<CommandResult> {
  return sallyport(['login', '--gateway-url', url, '--fingerprint', 'ab'.repeat(32)], {
    env: {
      SALLYPORT_CONFIG_DIR: join(folder, 'developer'),
      ...recordingEnv(record),
      ...env,
    },
  });
}

const connections = () => recordedDestinations(record);

const publicly = (host: string, ip: string) =>
  `Error: Gateway hosts must be on your organization's private network; ${host} resolves to the public (or unrecognized) address ${ip}\nCheck the address. If it is right, this machine may be off your organization's network (VPN), where the name leads elsewhere.\n`;

describe('login refuses before it connects to anything', () => {
  it.each([
    ['a public address', 'https://203.0.113.7', publicly('203.0.113.7', '203.0.113.7')],
    ['a bare one, with a port', '203.0.113.7:8443', publicly('203.0.113.7', '203.0.113.7')],
    ['one that is written as a number', 'https://3405803783', publicly('203.0.113.7', '203.0.113.7')],
    ['one that is written in octal', 'https://0313.0.0161.07', publicly('203.0.113.7', '203.0.113.7')],
    ['a public IPv6 address', 'https://[2001:db8::7]', publicly('2001:db8::7', '2001:db8::7')],
    [
      'one that hides in IPv6',
      'https://[::ffff:203.0.113.7]',
      publicly('::ffff:cb00:7107', '::ffff:cb00:7107'),
    ],
    ['no address of a machine', 'https://0.0.0.0', publicly('0.0.0.0', '0.0.0.0')],
  ])('%s, with exit code 4', async (_what, url, sentence) => {
    expect(await login(url)).toEqual({ code: 4, stdout: '', stderr: sentence });
    expect(connections()).toEqual([]);
  });

  it.each([
    'http://203.0.113.7',
    'http://10.1.2.3:8080',
    'http://127.0.0.1.example.test',
    'http://localhost.example.test',
    'ftp://127.0.0.1',
  ])('%s, which is not https:// and not this machine, with exit code 4', async (url) => {
    expect(await login(url)).toEqual({
      code: 4,
      stdout: '',
      stderr: 'Error: Gateway addresses must start with https:// (http:// only on this machine)\n',
    });
    expect(connections()).toEqual([]);
  });

  it('an address with a user name before it, with exit code 2', async () => {
    const { code, stderr } = await login(`https://127.0.0.1:${PROXY_PASSWORD}@203.0.113.7`);
    expect(code).toBe(2);
    expect(stderr).toContain('it must not hold a user name or password');
    expect(connections()).toEqual([]);
  });

  it.each(['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY'])(
    'a public proxy in %s, with exit code 4 and the entry for NO_PROXY',
    async (name) => {
      expect(await login('https://10.1.2.3:8443', { [name]: PROXY })).toEqual({
        code: 4,
        stdout: '',
        stderr:
          'Error: Gateway login requires a direct connection and does not support connecting through an HTTP proxy: ' +
          'Gateway login would go through proxy 203.0.113.9:3128, which is not on a private network\n' +
          'Add this entry to NO_PROXY: 10.1.2.3\n',
      });
      expect(connections()).toEqual([]);
    },
  );

  it('a public gateway, too, once NO_PROXY leads around the proxy', async () => {
    const refused = await login('https://203.0.113.7', { HTTPS_PROXY: PROXY, NO_PROXY: '203.0.113.7' });
    expect(refused).toMatchObject({ code: 4, stderr: publicly('203.0.113.7', '203.0.113.7') });
    expect(connections()).toEqual([]);
  });
});

describe('login fails with exit code 1', () => {
  it('for a host that nobody knows, saying what to check', async () => {
    const { code, stderr } = await login(`https://${UNKNOWN}`);
    expect(code).toBe(1);
    expect(stderr).toBe(
      `Error: Could not resolve gateway host ${UNKNOWN}\nCheck that this machine is on your organization's network (VPN), then try again.\n`,
    );
    expect(connections()).toEqual([]);
  });

  it('for a proxy that nobody knows, naming the variables', async () => {
    const { code, stderr } = await login('https://10.1.2.3', { HTTPS_PROXY: `http://${UNKNOWN}:3128` });
    expect(code).toBe(1);
    expect(stderr).toBe(
      `Error: Could not resolve the configured HTTP proxy ${UNKNOWN}\nCheck HTTPS_PROXY and HTTP_PROXY.\n`,
    );
    expect(connections()).toEqual([]);
  });

  it('for a port that nothing listens on, which is the one thing it connects to', async () => {
    const { code, stderr } = await login('https://127.0.0.1:1');
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^Error: Could not reach https:\/\/127\.0\.0\.1:1: nothing accepts connections there \(ECONNREFUSED\)\n/,
    );
    expect(connections()).toEqual(['127.0.0.1:1']);
  });
});

it('nothing was kept, and nothing secret printed', () => {
  expect(existsSync(join(folder, 'developer'))).toBe(false);
  expectNoLeaks(transcript, [PROXY_PASSWORD]);
});
