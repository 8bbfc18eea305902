import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TestMachine } from '../client/test-machine.ts';
import { createSelfSigned } from '../support/tls.ts';
import { HOST, useLoginWorld } from './login-world.ts';

const { leaf, world, startGateway, machineOf, login, atDesk, inScript } = useLoginWorld();

describe('the network of a gateway', () => {
  it('refuses a public address before a connection is made', async () => {
    const machine = machineOf();
    const result = await login(inScript(), ['--gateway-url', 'https://203.0.113.7'], machine);
    expect(result).toMatchObject({ exitCode: 4 });
    expect(result.stderr).toContain(
      "Gateway hosts must be on your organization's private network; 203.0.113.7 resolves to the public (or unrecognized) address 203.0.113.7",
    );
    expect(machine.lookups).toEqual([]);
  });

  it('refuses a name with one private and one public address', async () => {
    const gateway = await startGateway();
    const machine = machineOf({ names: { [HOST]: ['127.0.0.1', '203.0.113.7'] } });
    const result = await login(atDesk([true, true]), ['--gateway-url', gateway.origin], machine);
    expect(result.exitCode).toBe(4);
    expect(result.stderr).toContain(`${HOST} resolves to the public (or unrecognized) address 203.0.113.7`);
    expect(gateway.connections()).toBe(0);
  });

  it('says that a name does not resolve', async () => {
    const result = await login(inScript(), ['--gateway-url', 'missing.example.test']);
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain('Could not resolve gateway host missing.example.test');
  });

  it('refuses http:// to another host', async () => {
    const result = await login(inScript(), ['--gateway-url', 'http://gateway.example.test']);
    expect(result.exitCode).toBe(4);
    expect(result.stderr).toContain(
      'Gateway addresses must start with https:// (http:// only on this machine)',
    );
  });

  it('signs in over http:// on this machine, without a certificate', async () => {
    const gateway = await startGateway({ tls: undefined });
    const result = await login(inScript(), ['--gateway-url', gateway.origin]);
    expect(result.exitCode).toBe(0);
    expect(await world.stored(gateway.origin)).toBeDefined();
  });

  it('refuses a public proxy, naming the NO_PROXY entry, before a connection is made', async () => {
    const gateway = await startGateway();
    const machine = machineOf({ names: { [HOST]: ['127.0.0.1'], 'proxy.example.test': ['203.0.113.9'] } });
    const env = { HTTPS_PROXY: 'http://user:hidden@proxy.example.test:3128' };
    const result = await login(inScript(env), ['--gateway-url', gateway.origin], machine);
    expect(result.exitCode).toBe(4);
    expect(result.stderr).toContain(
      'Gateway login requires a direct connection and does not support connecting through an HTTP proxy: Gateway login would go through proxy proxy.example.test:3128, which is not on a private network',
    );
    expect(result.stderr).toContain(`Add this entry to NO_PROXY: ${HOST}`);
    expect(result.stderr).not.toContain('hidden');
    expect(gateway.connections()).toBe(0);
  });

  it('goes around that proxy once NO_PROXY has the entry', async () => {
    const gateway = await startGateway();
    const env = { HTTPS_PROXY: 'http://proxy.example.test:3128', NO_PROXY: `localhost,${HOST}` };
    const argv = ['--gateway-url', gateway.origin, '--fingerprint', leaf.fingerprint];
    expect((await login(inScript(env), argv)).exitCode).toBe(0);
  });

  it('says that the proxy does not resolve', async () => {
    const env = { HTTPS_PROXY: 'http://proxy.example.test:3128' };
    const result = await login(inScript(env), ['--gateway-url', HOST]);
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain('Could not resolve the configured HTTP proxy proxy.example.test');
  });

  it('refuses a certificate it cannot verify, giving the reason and two ways to trust an authority', async () => {
    const gateway = await startGateway({ tls: createSelfSigned([`DNS:${HOST}`]) });
    const result = await login(atDesk([true, true]), ['--gateway-url', gateway.origin]);
    expect(result.exitCode).toBe(4);
    expect(result.stderr).toContain(
      "Could not verify the gateway's TLS certificate: DEPTH_ZERO_SELF_SIGNED_CERT",
    );
    expect(result.stderr).toContain("operating system's trust store");
    expect(result.stderr).toContain('NODE_EXTRA_CA_CERTS');
  });

  it('says that nothing listens there', async () => {
    const gateway = await startGateway();
    await gateway.close();
    const result = await login(inScript(), ['--gateway-url', gateway.origin]);
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain('ECONNREFUSED');
  });
});

describe('which gateway', () => {
  async function manage(settings: unknown): Promise<TestMachine> {
    await mkdir(world.folder, { recursive: true, mode: 0o700 });
    const path = join(world.folder, 'managed-settings.json');
    await writeFile(path, JSON.stringify(settings), { mode: 0o644 });
    return machineOf({ managedSettingsPath: path });
  }

  it('takes the flag, then SALLYPORT_GATEWAY_URL, then the managed settings', async () => {
    const machine = await manage({
      forceLoginMethod: 'gateway',
      forceLoginGatewayUrl: 'https://managed.example.test',
    });
    const named = async (argv: readonly string[], env = {}) =>
      (await login(inScript(env), argv, machine)).stderr;
    const env = { SALLYPORT_GATEWAY_URL: 'env.example.test' };
    expect(await named(['--gateway-url', 'flag.example.test'], env)).toContain('flag.example.test');
    expect(await named([], env)).toContain('env.example.test');
    expect(await named([])).toContain('managed.example.test');
  });

  it('asks for one when none is named', async () => {
    const result = await login(inScript(), []);
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toContain('--gateway-url');
  });

  it('refers to the administrator when the managed settings require a gateway and name none', async () => {
    const result = await login(inScript(), [], await manage({ forceLoginMethod: 'gateway' }));
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toContain('administrator');
  });

  it('refuses every sign-in while the declared networks are wrong', async () => {
    const machine = await manage({ gatewayInternalNetworks: ['11.0.0.1/16'] });
    const result = await login(inScript(), ['--gateway-url', HOST], machine);
    expect(result.exitCode).toBe(4);
    expect(result.stderr).toContain('gatewayInternalNetworks in managed settings');
  });

  it('is told once why managed settings are ignored', async () => {
    await manage('no settings');
    const machine = machineOf({
      names: { [HOST]: ['11.20.1.2'] },
      ownAddress: '192.168.1.5',
      managedSettingsPath: join(world.folder, 'managed-settings.json'),
    });
    const result = await login(inScript(), ['--gateway-url', HOST], machine);
    expect(result.exitCode).toBe(4);
    expect(result.stderr.match(/Ignoring the managed settings/g)).toHaveLength(1);
  });

  it('refuses a gateway in a declared network from outside it', async () => {
    await manage({ gatewayInternalNetworks: ['11.20.0.0/16'] });
    const machine = machineOf({
      names: { [HOST]: ['11.20.1.2'] },
      ownAddress: '192.168.1.5',
      managedSettingsPath: join(world.folder, 'managed-settings.json'),
    });
    const result = await login(inScript(), ['--gateway-url', HOST], machine);
    expect(result.exitCode).toBe(4);
    expect(result.stderr).toContain('this machine connects from 192.168.1.5, outside it');
  });
});
