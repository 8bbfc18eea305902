import { chmod, mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Handler, json } from '../client/stand-in-gateway.ts';
import { HOST, useLoginWorld } from './login-world.ts';

const { leaf, renewed, world, serve, startGateway, machineOf, login, atDesk, inScript, revoked } =
  useLoginWorld();

describe('sign-in at a desk', () => {
  it('shows the certificate, the code and the link, opens the browser and keeps the session', async () => {
    const gateway = await startGateway();
    const machine = machineOf();
    const host = atDesk([true, true]);
    const result = await login(host, ['--gateway-url', gateway.origin], machine);
    expect(result).toMatchObject({ exitCode: 0, stdout: '' });
    expect(host.questions).toEqual([
      'Trust this gateway?',
      'Signed in as ada@example.test. Keep this session?',
    ]);
    expect(result.stderr).toContain(
      `Gateway      ${HOST}\nAddress      127.0.0.1\nIssuer       CN=Test Authority\n`,
    );
    expect(result.stderr).toContain(`Fingerprint  ${leaf.fingerprint.slice(0, 16)}\n`);
    expect(result.stderr).not.toContain(leaf.fingerprint.slice(0, 17));
    expect(result.stderr).toContain('BCDF-GHJK');
    expect(machine.opened).toEqual([`${gateway.origin}/device?user_code=BCDF-GHJK`]);
    expect(await world.stored(gateway.origin)).toMatchObject({
      accessToken: 'the-access-token',
      refreshToken: 'the-refresh-token',
      email: 'ada@example.test',
    });
    expect(await world.trusted(HOST)).toBe(leaf.fingerprint);
    const request = gateway.seen.find(({ url }) => url === '/oauth/device_authorization');
    expect(request?.form.get('surface')).toBe('sallyport');
  });

  it('keeps files that nobody else can read', async () => {
    const gateway = await startGateway();
    await login(atDesk([true, true]), ['--gateway-url', gateway.origin]);
    const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);
    const sessions = join(world.folder, 'sessions');
    const files = await readdir(sessions);
    expect(files).toHaveLength(1);
    expect(await modeOf(world.folder)).toBe('700');
    expect(await modeOf(sessions)).toBe('700');
    expect(await modeOf(join(sessions, files[0] ?? ''))).toBe('600');
    expect(await modeOf(join(world.folder, 'trusted-certificates.json'))).toBe('600');
  });

  it('sends nothing to a gateway that the developer does not trust', async () => {
    const gateway = await startGateway();
    const result = await login(atDesk([false]), ['--gateway-url', gateway.origin]);
    expect(result.exitCode).toBe(4);
    expect(gateway.applicationBytes()).toBe(0);
    expect(await world.trusted(HOST)).toBeUndefined();
  });

  it('asks nothing about a certificate that is trusted already', async () => {
    const gateway = await startGateway();
    await world.trust(HOST, leaf.fingerprint);
    const host = atDesk([true]);
    expect((await login(host, ['--gateway-url', gateway.origin])).exitCode).toBe(0);
    expect(host.questions).toHaveLength(1);
  });

  it('shows the old and the new fingerprint of a changed certificate and asks again', async () => {
    const gateway = await startGateway({ tls: renewed });
    await world.trust(HOST, leaf.fingerprint);
    const host = atDesk([true, true]);
    const result = await login(host, ['--gateway-url', gateway.origin]);
    expect(result.exitCode).toBe(0);
    expect(host.questions[0]).toBe('Trust the new certificate?');
    expect(result.stderr).toContain('Warning: this is not the certificate you trusted before.');
    expect(result.stderr).toContain(
      `old ${leaf.fingerprint.slice(0, 16)}\n  new ${renewed.fingerprint.slice(0, 16)}`,
    );
    expect(await world.trusted(HOST)).toBe(renewed.fingerprint);
  });

  it('revokes and stores nothing when the account is somebody else', async () => {
    const gateway = await startGateway();
    const result = await login(atDesk([true, false]), ['--gateway-url', gateway.origin]);
    expect(result.exitCode).toBe(3);
    expect(result.stderr).toContain('The session of ada@example.test was ended and not kept');
    expect(revoked()).toEqual(['the-refresh-token']);
    expect(await world.stored(gateway.origin)).toBeUndefined();
  });

  it('revokes and stores nothing when interrupted at the last question', async () => {
    const gateway = await startGateway();
    const result = await login(atDesk([true, 'interrupt']), ['--gateway-url', gateway.origin]);
    expect(result.exitCode).toBe(130);
    expect(revoked()).toEqual(['the-refresh-token']);
    expect(await world.stored(gateway.origin)).toBeUndefined();
  });

  it('revokes a session that it cannot store', async () => {
    const gateway = await startGateway();
    await mkdir(join(world.folder, 'sessions'), { recursive: true });
    await chmod(join(world.folder, 'sessions'), 0o777);
    const result = await login(atDesk([true, true]), ['--gateway-url', gateway.origin]);
    expect(result.exitCode).toBe(4);
    expect(revoked()).toEqual(['the-refresh-token']);
  });

  it('does not ask about the account with --yes', async () => {
    const gateway = await startGateway();
    const host = atDesk([true]);
    expect((await login(host, ['--gateway-url', gateway.origin, '--yes'])).exitCode).toBe(0);
    expect(host.questions).toEqual(['Trust this gateway?']);
  });

  it('ends the session it replaces', async () => {
    const gateway = await startGateway();
    await world.signIn({ gateway: gateway.origin, refreshToken: 'the-earlier-one' });
    await login(atDesk([true, true]), ['--gateway-url', gateway.origin]);
    expect(revoked()).toEqual(['the-earlier-one']);
    expect((await world.stored(gateway.origin))?.refreshToken).toBe('the-refresh-token');
  });

  it.each([
    ['--no-browser', ['--no-browser'], {}],
    ['SSH', [], { SSH_CONNECTION: '10.0.0.1 1 10.0.0.2 22' }],
    ['no display', [], { DISPLAY: '' }],
  ])('only prints the link with %s', async (_why, argv, env) => {
    const gateway = await startGateway();
    const machine = machineOf();
    const result = await login(
      atDesk([true, true], env),
      ['--gateway-url', gateway.origin, ...argv],
      machine,
    );
    expect(result.exitCode).toBe(0);
    expect(result.stderr).toContain(`${gateway.origin}/device?user_code=BCDF-GHJK`);
    expect(machine.opened).toEqual([]);
  });

  it('shows a QR code with --qr', async () => {
    const gateway = await startGateway();
    const result = await login(atDesk([true, true]), ['--gateway-url', gateway.origin, '--qr']);
    expect(result.stderr).toMatch(/[▀▄█]{5}/);
  });
});

describe('how a sign-in ends', () => {
  const until =
    (error: string, status = 400): Handler =>
    (_request, response) =>
      json(response, status, { error });

  it.each([
    ['access_denied', 3, 'The sign-in was denied'],
    ['expired_token', 3, 'The code expired before the sign-in was completed'],
    ['authorization_pending', 3, 'The code expired before the sign-in was completed'],
    ['invalid_client', 1, "The gateway's answer was not understood"],
  ])('%s ends with exit code %i', async (error, exitCode, sentence) => {
    const gateway = await startGateway({ tls: undefined, token: until(error) });
    const result = await login(inScript(), ['--gateway-url', gateway.origin]);
    expect(result.exitCode).toBe(exitCode);
    expect(result.stderr).toContain(sentence);
    expect(await world.stored(gateway.origin)).toBeUndefined();
  });

  it('says that sign-ins are limited, and for how long', async () => {
    const server = await serve({
      routes: {
        'POST /oauth/device_authorization': (_request, response) =>
          json(response, 429, { error: 'slow_down' }, { 'retry-after': '90' }),
      },
    });
    const result = await login(inScript(), ['--gateway-url', server.origin]);
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain(
      'The gateway is limiting sign-in attempts right now\nTry again in 90 seconds.',
    );
  });

  it('says that something else answers there', async () => {
    const server = await serve({});
    const result = await login(inScript(), ['--gateway-url', server.origin]);
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain("The gateway's answer was not understood");
  });

  it('never prints a token or the device code', async () => {
    const gateway = await startGateway();
    const { stdout, stderr } = await login(atDesk([true, true]), ['--gateway-url', gateway.origin]);
    for (const hidden of ['the-access-token', 'the-refresh-token', 'the-device-code']) {
      expect(stdout + stderr).not.toContain(hidden);
    }
  });
});
