import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { registerSchema } from '../../src/commands/schema.ts';
import { createMemoryHost, runCommand } from '../support/memory-host.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-schema-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const schema = (...args: readonly string[]) =>
  runCommand(createMemoryHost(), registerSchema, ['schema', ...args]);

describe('schema', () => {
  it('prints that of gateway.yaml, and nothing else', async () => {
    const { exitCode, stdout, stderr } = await schema();
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const printed = JSON.parse(stdout);
    expect(printed).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      title: 'gateway.yaml',
    });
    expect(await schema('gateway')).toMatchObject({ stdout });
  });

  it('prints that of an audit event, which the lines of the audit log satisfy', async () => {
    const { exitCode, stdout } = await schema('audit-event');
    expect(exitCode).toBe(0);
    const isValid = new Ajv2020({ strict: false, validateFormats: false }).compile(JSON.parse(stdout));
    const line = { ts: '2026-10-07T09:12:44.500Z', evt: 'access.denied', request_id: 'req_1', seq: 7 };
    expect(isValid({ ...line, reason: 'deny_cidr', client_ip: '198.51.100.7' })).toBe(true);
    expect(isValid({ ...line, reason: 1 })).toBe(false);
    expect(isValid({ ...line, evt: 'access.granted' })).toBe(false);
    expect(isValid({ ...line, seq: undefined })).toBe(false);
  });

  it('writes a file into a folder, which it makes', async () => {
    const out = join(folder, 'deep', 'schemas');
    const { exitCode, stdout, stderr } = await schema('audit-event', '--out', out);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '' });
    expect(stderr).toBe(`Wrote ${join(out, 'audit-event.schema.json')}\n`);
    expect(await readFile(join(out, 'audit-event.schema.json'), 'utf8')).toBe(
      (await schema('audit-event')).stdout,
    );
    await schema('gateway', '--out', out);
    expect(await readdir(out)).toEqual(['audit-event.schema.json', 'gateway.schema.json']);
  });

  it('says why a file cannot be written', async () => {
    const { exitCode, stderr } = await schema('gateway', '--out', '/dev/null/schemas');
    expect(exitCode).toBe(1);
    expect(stderr).toContain('/dev/null/schemas/gateway.schema.json cannot be written');
  });

  it('prints that of managed settings, by which an editor finds a mistake', async () => {
    const { exitCode, stdout } = await schema('managed-settings');
    expect(exitCode).toBe(0);
    const isValid = new Ajv2020({ strict: false }).compile(JSON.parse(stdout));
    const settings = { model: 'opus', permissions: { deny: ['WebFetch'], tomorrow: 1 }, env: { A: '1' } };
    expect(isValid(settings)).toBe(true);
    expect(isValid({ ...settings, permissions: { deny: 'WebFetch' } })).toBe(false);
    expect(isValid({ ...settings, sandbox: { enabled: 'yes' } })).toBe(false);
    expect(isValid({ ...settings, modle: 'opus' })).toBe(false);
  });

  it.each(['client-config'])('of %s is not part of this version yet', async (name) => {
    const { exitCode, stdout, stderr } = await schema(name);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toContain(`The schema ${name} is not part of this version yet`);
  });

  it('of something else is a mistake that names the choices', async () => {
    const { exitCode, stderr } = await schema('gatway');
    expect(exitCode).toBe(2);
    expect(stderr).toContain('There are gateway, managed-settings, and audit-event');
  });

  it('shows an example in its help', async () => {
    expect((await schema('--help')).stdout).toContain('$ sallyport schema audit-event');
  });
});
