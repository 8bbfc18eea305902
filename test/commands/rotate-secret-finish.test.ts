// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRotationWorld, OLD, type RotationWorld } from './rotation-world.ts';

let world: RotationWorld;

beforeEach(async () => {
  world = await createRotationWorld();
});

afterEach(() => world.remove());

const MINUTE = 60_000;

describe('rotate-secret --finish', () => {
  it('refuses, saying until when, before ttl_hours plus ten minutes have passed', async () => {
    await world.write(OLD);
    await world.rotate();
    const before = await world.text();
    world.clock.advance(69 * MINUTE);
    const { exitCode, stdout, stderr } = await world.rotate(['--finish']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toContain(
      'Sessions may rest on the old secrets until 2026-10-07T10:22:44Z (1 minute from now)',
    );
    expect(stderr).toContain('--force');
    expect(await world.text()).toBe(before);
  });

  it('then removes the old entries and says what nothing names any more', async () => {
    await world.write('${JWT_SECRET}');
    await world.rotate();
    world.clock.advance(70 * MINUTE);
    const { exitCode, stdout, stderr } = await world.rotate(['--finish']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '' });
    expect(await world.secrets()).toEqual(['${JWT_SECRET_20261007}']);
    expect(stderr).toContain('Restart every gateway');
    expect(stderr).toContain('Nothing in the file names these any more: JWT_SECRET.');
    expect(await world.text('gateway.yaml.bak')).toContain('- ${JWT_SECRET}\n');
  });

  it('waits as long as the sessions of this configuration last', async () => {
    await world.write(`${OLD}\n  ttl_hours: 24`);
    await world.rotate();
    world.clock.advance(24 * 60 * MINUTE);
    const { stderr } = await world.rotate(['--finish']);
    expect(stderr).toContain('(10 minutes from now)');
    world.clock.advance(10 * MINUTE);
    expect((await world.rotate(['--finish'])).exitCode).toBe(0);
  });

  it('does not guess when ttl_hours is a variable that is not set here', async () => {
    await world.write(`${OLD}\n  ttl_hours: \${TTL_HOURS}`);
    const rotated = await world.rotate();
    expect(rotated.stderr).toContain('After session.ttl_hours plus 10 minutes: sallyport rotate-secret');
    world.clock.advance(10_000 * MINUTE);
    const refused = await world.rotate(['--finish']);
    expect(refused).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('ttl_hours is a variable'),
    });
    const env = { TTL_HOURS: '2', OIDC_CLIENT_SECRET: 'x' };
    expect((await world.rotate(['--finish'], { env })).exitCode).toBe(0);
  });

  it('is overridden by --force', async () => {
    await world.write(OLD);
    await world.rotate();
    const { exitCode } = await world.rotate(['--finish', '--force']);
    expect(exitCode).toBe(0);
    expect(await world.secrets()).toHaveLength(1);
    expect(await world.secrets()).not.toContain(OLD);
  });

  it('refuses when no date says since when the first entry signs, unless forced', async () => {
    await world.write(`["${OLD}1", "${OLD}2"]`);
    const refused = await world.rotate(['--finish']);
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('No date stands beside') });
    expect((await world.rotate(['--finish', '--force'])).exitCode).toBe(0);
    expect(await world.secrets()).toEqual([`${OLD}1`]);
  });

  it('has nothing to do with one secret only, and says so', async () => {
    await world.write(OLD);
    const before = await world.text();
    const { exitCode, stderr } = await world.rotate(['--finish']);
    expect(exitCode).toBe(0);
    expect(stderr).toContain('there is nothing to finish');
    expect(await world.text()).toBe(before);
    expect(await world.names()).toEqual(['gateway.yaml']);
  });

  it('shows what it would remove with --dry-run, without secrets', async () => {
    await world.write(OLD);
    await world.rotate();
    world.clock.advance(70 * MINUTE);
    const { stdout } = await world.rotate(['--finish', '--dry-run']);
    expect(stdout).toBe('@@ line 10 @@\n-     - [secret]\n');
    expect(await world.secrets()).toHaveLength(2);
  });

  it('says why the sessions were not counted when the store is out of reach', async () => {
    await world.write(OLD);
    await world.rotate();
    world.clock.advance(70 * MINUTE);
    const unset = await world.rotate(['--finish', '--dry-run']);
    expect(unset.stderr).not.toContain('counted');
    const { stderr } = await world.rotate(['--finish'], { env: { OIDC_CLIENT_SECRET: 'x' } });
    expect(stderr).toContain('were not counted: the store does not exist yet');
    expect(await world.names()).toEqual(['gateway.yaml', 'gateway.yaml.bak']);
  });
});
