import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig, readConfig } from '../../../src/config/load.ts';
import { openPolicies, type Policies } from '../../../src/gateway/doors/policies.ts';
import { createReload, type Reread } from '../../../src/gateway/doors/reload.ts';
import type { AuditFields, Caller } from '../../../src/gateway/exchange.ts';
import { fileWith, SECRET } from '../../config/config-file.ts';
import { createMemoryLog, type MemoryLog } from '../../support/memory-log.ts';

const caller: Caller = {
  sub: 'ada',
  email: undefined,
  name: undefined,
  groups: [],
  sid: 'session-1',
  expiresAtMs: 0,
};
const policyOf = (cli: string) => `managed: { policies: [{ match: {}, cli: ${cli} }] }\n`;
const OPUS = fileWith({ managed: policyOf('{ availableModels: [opus], model: opus }') });
const HAIKU = fileWith({ managed: policyOf('{ availableModels: [haiku], model: haiku }') });
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

let folder: string;
let path: string;
let policies: Policies;
let log: MemoryLog;
let events: AuditFields[];
let reread: Reread;
let reload: ReturnType<typeof createReload>;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-reload-'));
  path = join(folder, 'gateway.yaml');
  writeFileSync(path, OPUS);
  const inputs = { env: {}, readFile: () => '' };
  const { config } = await loadConfig(path, inputs);
  policies = openPolicies(config, 'https://gateway.example');
  log = createMemoryLog();
  events = [];
  reread = () => readConfig(path, inputs);
  reload = createReload({
    path,
    policies,
    log,
    audit: (event, _requestId, fields) => void events.push({ event, ...fields }),
  });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const modelOf = () => JSON.parse(policies.settingsOf(caller)?.body ?? '{}').settings?.model;
const write = (text: string) => writeFileSync(path, text);

describe('a configuration that is read again', () => {
  it('has its policies in force at once, for settings and for models', async () => {
    const before = policies.settingsOf(caller)?.checksum;
    const permit = policies.authorise(caller, 'claude-opus-4-8');
    write(HAIKU);
    await reload(reread);
    expect(modelOf()).toBe('haiku');
    expect(policies.settingsOf(caller)?.checksum).not.toBe(before);
    expect(() => policies.authorise(caller, 'claude-opus-4-8')).toThrow('model_not_allowed');
    expect(permit.model.upstreamId('anthropic')).toBe('claude-opus-4-8');
    expect(log.lines).toContain('info SIGHUP: in force from now on: managed');
    expect(events).toEqual([{ event: 'config.reload', path, sha256: sha256(HAIKU), result: 'ok' }]);
  });

  it('that is not valid changes nothing, and every mistake is in the log', async () => {
    const bad = fileWith({ managed: policyOf('{ modle: opus, verbose: "yes" }') });
    write(bad);
    await reload(reread);
    expect(modelOf()).toBe('opus');
    expect(log.lines).toEqual([
      expect.stringMatching(/^error .*gateway\.yaml:\d+:\d+.*cli\.modle is no settings key/),
      expect.stringMatching(/^error .*cli\.verbose must be true or false/),
      expect.stringMatching(/^error SIGHUP: the configuration was not applied.*: it has 2 errors$/),
    ]);
    expect(events).toEqual([{ event: 'config.reload', path, sha256: sha256(bad), result: 'invalid' }]);
    write(HAIKU);
    await reload(reread);
    expect(modelOf()).toBe('haiku');
  });

  it('that is gone changes nothing', async () => {
    rmSync(path);
    await reload(reread);
    expect(modelOf()).toBe('opus');
    expect(log.lines).toEqual([expect.stringMatching(/^error SIGHUP: .* there is no such file$/)]);
    expect(events).toEqual([{ event: 'config.reload', path, result: 'failed', reason: 'config_unreadable' }]);
  });

  it('tells apart what is in force and what waits for a restart', async () => {
    const listen = 'listen:\n  host: 127.0.0.1\n  port: 9999\n';
    const session = `session:\n  jwt_secret: ${SECRET.split('').toReversed().join('')}\n`;
    write(`${fileWith({ listen, session, managed: policyOf('{ model: haiku }') })}unknown_models: forward\n`);
    await reload(reread);
    expect(log.lines.slice(-2)).toEqual([
      'info SIGHUP: in force from now on: unknown_models, managed',
      'warn SIGHUP: changed, but read at start only, so restart for it: listen, session',
    ]);
    expect(log.lines.join('\n')).not.toContain(SECRET);
    expect(modelOf()).toBe('haiku');
  });

  it('has its models wait with the upstreams that they are mapped for', async () => {
    const key = 'auth: { api_key: key-of-the-upstream }';
    const upstreams = `upstreams:\n  - { name: anthropic, provider: anthropic, ${key} }\n  - { name: other, provider: anthropic, ${key} }\n`;
    const models =
      'models:\n  - { id: claude-opus-4-8, upstream_model: { anthropic: renamed, other: renamed } }\n';
    const managed = policyOf('{ model: haiku }');
    write(`${fileWith({ upstreams, managed })}${models}unknown_models: forward\n`);
    await reload(reread);
    expect(modelOf()).toBe('haiku');
    const permit = policies.authorise(caller, 'claude-opus-4-8');
    expect(permit.model.upstreamId('anthropic')).toBe('claude-opus-4-8');
    expect(() => policies.authorise(caller, 'made-up')).toThrow('model_unknown');
    const waiting = ['upstreams', 'models', 'unknown_models'];
    expect(log.lines.slice(-3)).toEqual([
      'info SIGHUP: in force from now on: managed',
      `warn SIGHUP: changed, but read at start only, so restart for it: ${waiting.join(', ')}`,
      'warn SIGHUP: models go by the upstreams, so these wait for the restart too: models, unknown_models',
    ]);
    expect(events).toEqual([expect.objectContaining({ result: 'ok', waiting: waiting.join(' ') })]);
    write(`${fileWith({ managed })}${models.replace(', other: renamed', '')}`);
    await reload(reread);
    expect(policies.authorise(caller, 'claude-opus-4-8').model.upstreamId('anthropic')).toBe('renamed');
  });

  it('that is the same, or differs in its comments only, is said to be so', async () => {
    await reload(reread);
    write(`# a comment\n${OPUS}`);
    await reload(reread);
    expect(log.lines).toEqual(Array(2).fill('info SIGHUP: nothing in the configuration has changed'));
  });

  it('has its warnings said again', async () => {
    write(fileWith({ managed: policyOf('{ forceLoginMethod: gateway }') }));
    await reload(reread);
    expect(log.lines[0]).toMatch(/^warn .*forceLoginMethod is read by clients only/);
  });

  it('is read once more when it is asked for while it is being read', async () => {
    const first = reload(async () => {
      const reading = await reread();
      write(HAIKU);
      return reading;
    });
    await Promise.all([first, reload(reread), reload(reread)]);
    expect(modelOf()).toBe('haiku');
    expect(events).toHaveLength(2);
  });
});
