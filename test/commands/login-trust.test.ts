import { describe, expect, it } from 'vitest';
import { json, startStandIn } from '../client/stand-in-gateway.ts';
import { grant, HOST, tokens, useLoginWorld } from './login-world.ts';

const { leaf, renewed, world, startGateway, machineOf, login, atDesk, inScript } = useLoginWorld();

describe('sign-in to a hostile gateway', () => {
  it('does not open a link on another origin', async () => {
    const gateway = await startGateway({
      grant: (origin) => grant(origin, { verification_uri_complete: 'https://phish.example.test/device' }),
    });
    const machine = machineOf();
    const result = await login(atDesk([true, true]), ['--gateway-url', gateway.origin, '--qr'], machine);
    expect(machine.opened).toEqual([]);
    expect(result.stderr).toContain('was not opened');
    expect(result.stderr).not.toMatch(/[▀▄█]{5}/);
  });

  it.each([
    'file:///etc/passwd',
    'javascript:alert(1)',
    '--version',
    'https://gateway.example.test@phish.example.test/',
  ])('does not open %s', async (link) => {
    const gateway = await startGateway({
      grant: (origin) => grant(origin, { verification_uri_complete: link }),
    });
    const machine = machineOf();
    await login(atDesk([true, true]), ['--gateway-url', gateway.origin], machine);
    expect(machine.opened).toEqual([]);
  });

  it('prints its texts without control characters', async () => {
    const evil = '\u001b]0;owned\u0007\u001b[2J\u009b31m\r\u202eevil';
    const gateway = await startGateway({
      grant: (origin) =>
        grant(origin, {
          user_code: `BCDF${evil}`,
          login_notice: `Notice${evil}`,
          verification_uri_complete: `${origin}/device${evil}`,
        }),
      token: (_request, response) => json(response, 200, { ...tokens, email: `ada${evil}@example.test` }),
    });
    const host = atDesk([true, true]);
    const result = await login(host, ['--gateway-url', gateway.origin]);
    expect(result.stderr).toContain('Notice');
    expect(result.stderr + host.questions.join('')).not.toMatch(
      /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/,
    );
  });

  it('sends the code to its own origin whatever the discovery document says', async () => {
    const elsewhere = await startStandIn({});
    const gateway = await startGateway({
      discovery: () => ({
        device_authorization_endpoint: `${elsewhere.origin}/oauth/device_authorization`,
        token_endpoint: '/relative/token',
      }),
    });
    const result = await login(atDesk([true, true]), ['--gateway-url', gateway.origin]);
    expect(result.exitCode).toBe(0);
    expect(gateway.seen.map(({ url }) => url)).toContain('/oauth/token');
    expect(elsewhere.connections()).toBe(0);
    await elsewhere.close();
  });

  it('stops when the certificate changes during the sign-in', async () => {
    const gateway = await startGateway({
      token: (_request, response) => {
        gateway.present(renewed);
        response.setHeader('connection', 'close');
        json(response, 400, { error: 'authorization_pending' });
      },
    });
    const result = await login(atDesk([true, true]), ['--gateway-url', gateway.origin]);
    expect(result.exitCode).toBe(4);
    expect(result.stderr).toContain(
      `The TLS certificate of ${HOST} changed: trusted is ${leaf.fingerprint.slice(0, 16)}, presented is ${renewed.fingerprint.slice(0, 16)}`,
    );
    expect(await world.stored(gateway.origin)).toBeUndefined();
  });

  it('does not follow a redirect with the code', async () => {
    const elsewhere = await startStandIn({});
    const gateway = await startGateway({
      token: (_request, response) =>
        void response.writeHead(307, { location: `${elsewhere.origin}/oauth/token` }).end(),
    });
    const result = await login(atDesk([true, true]), ['--gateway-url', gateway.origin]);
    expect(result.exitCode).toBe(1);
    expect(elsewhere.connections()).toBe(0);
    await elsewhere.close();
  });
});

describe('sign-in without a terminal', () => {
  it('needs a fingerprint', async () => {
    const gateway = await startGateway();
    const result = await login(inScript(), ['--gateway-url', gateway.origin]);
    expect(result.exitCode).toBe(4);
    expect(result.stderr).toContain('--fingerprint');
    expect(gateway.applicationBytes()).toBe(0);
  });

  it.each([16, 64])('accepts the right one in %i digits and keeps the session', async (digits) => {
    const gateway = await startGateway();
    const result = await login(inScript(), [
      '--gateway-url',
      gateway.origin,
      '--fingerprint',
      leaf.fingerprint.slice(0, digits).toUpperCase(),
    ]);
    expect(result.exitCode).toBe(0);
    expect(await world.stored(gateway.origin)).toBeDefined();
  });

  it('sends not a byte when it is wrong', async () => {
    const gateway = await startGateway();
    const result = await login(inScript(), [
      '--gateway-url',
      gateway.origin,
      '--fingerprint',
      renewed.fingerprint,
    ]);
    expect(result.exitCode).toBe(4);
    expect(result.stderr).toContain(
      `has the fingerprint ${leaf.fingerprint.slice(0, 16)}, not ${renewed.fingerprint.slice(0, 16)}`,
    );
    expect(gateway.applicationBytes()).toBe(0);
  });

  it('refuses a changed certificate', async () => {
    const gateway = await startGateway({ tls: renewed });
    await world.trust(HOST, leaf.fingerprint);
    const result = await login(inScript(), ['--gateway-url', gateway.origin]);
    expect(result.exitCode).toBe(4);
    expect(gateway.applicationBytes()).toBe(0);
  });

  it('refuses a fingerprint of another length as bad usage', async () => {
    const result = await login(inScript(), ['--gateway-url', `https://${HOST}`, '--fingerprint', 'abc']);
    expect(result.exitCode).toBe(2);
  });
});
