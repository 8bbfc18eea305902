import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type CommandResult,
  followLines,
  type GatewayProcess,
  sallyport,
  startGatewayProcess,
  startSallyport,
  transcript,
} from '../support/gateway-process.ts';
import { secretsOfFile } from '../support/leaks.ts';
import { signInWithoutBrowser } from '../support/oidc-provider.ts';
import { recordedDestinations, recordingEnv } from '../support/recorded-connections.ts';

/** The product's main job with nothing but this repository: the practice gateway and the command line. */
describe('a developer at a practice gateway', () => {
  let gateway: GatewayProcess;
  let folder: string;
  let connections: string;
  let atBoot: readonly string[];
  let env: Record<string, string>;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-developer-'));
    env = { SALLYPORT_CONFIG_DIR: join(folder, 'config') };
    connections = join(folder, 'connections');
    gateway = await startGatewayProcess({
      args: ['--data', join(folder, 'data')],
      env: recordingEnv(connections),
    });
    atBoot = recordedDestinations(connections);
    for (const prompt of ['pomegranate', 'xylophone']) secretsOfFile.add(prompt);
  });

  afterAll(async () => {
    await gateway.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Runs a command whose stdout is meant to hold what nothing else may. */
  async function telling(args: readonly string[], input = ''): Promise<CommandResult> {
    const told = await sallyport(args, { env, input });
    transcript.splice(transcript.lastIndexOf(told.stdout), 1);
    return told;
  }

  async function printedToken(): Promise<string> {
    const token = (await telling(['token'])).stdout.trim();
    secretsOfFile.add(token);
    return token;
  }

  it('is told to sign in before anything else', async () => {
    const asked = await sallyport(['ask', 'hello'], { env });
    expect(asked.code).toBe(3);
    expect(asked.stderr).toContain('sallyport login');
  });

  it('signs in through the browser, with a link the terminal shows', async () => {
    const login = startSallyport(['login', '--gateway-url', gateway.url, '--no-browser', '--yes'], { env });
    const output = followLines(login);
    const link = /(http\S+\/device\?\S+)/.exec(await output.line(/\/device\?/))?.[1] ?? '';
    await signInWithoutBrowser(link);
    const code = await new Promise((resolve) => login.once('close', resolve));
    expect(code).toBe(0);
    const minted = await gateway.event('session.mint');
    expect(minted).toMatchObject({ email: expect.stringContaining('@'), client_ip: '127.0.0.1' });
  });

  it('asks, and the answer streams to stdout with the figures on stderr', async () => {
    const asked = await telling(['ask', 'What', 'is', 'a', 'pomegranate?']);
    expect(asked.code).toBe(0);
    expect(asked.stdout.toLowerCase()).toContain('pomegranate');
    expect(asked.stderr).toMatch(/tokens/);
    const recorded = await gateway.event('inference');
    expect(recorded).toMatchObject({ outcome: 'complete', status: 200, stream: true });
    expect(recorded['output_tokens']).toBeGreaterThan(0);
  });

  it('adds what is piped in to the question', async () => {
    const asked = await telling(['ask', 'Summarise:'], 'the quick brown xylophone');
    expect(asked.code).toBe(0);
    expect(asked.stdout).toContain('xylophone');
  });

  it('lists models, shows status and prints a token that works', async () => {
    const models = await sallyport(['models', '--json'], { env });
    expect(JSON.parse(models.stdout).length ?? JSON.parse(models.stdout).data.length).toBeGreaterThan(0);
    const status = await sallyport(['status', '--json'], { env });
    expect(status.code).toBe(0);
    expect(status.stdout).toContain(gateway.url);
    const token = await printedToken();
    const answer = await fetch(`${gateway.url}/v1/models`, { headers: { authorization: `Bearer ${token}` } });
    expect(answer.status).toBe(200);
  });

  it('runs another program against the gateway without giving it the session', async () => {
    const program = `const r = await fetch(process.env.ANTHROPIC_BASE_URL + '/v1/models', { headers: { authorization: 'Bearer ' + process.env.ANTHROPIC_AUTH_TOKEN } }); console.log(r.status); process.exit(7)`;
    const ran = await sallyport(['run', '--', process.execPath, '--input-type=module', '-e', program], {
      env,
    });
    expect(ran.stdout.trim()).toBe('200');
    expect(ran.code).toBe(7);
  });

  it('names the nearest command for a typo and exits 2', async () => {
    const typo = await sallyport(['logni'], { env });
    expect(typo.code).toBe(2);
    expect(typo.stderr).toContain('login');
  });

  it('signs out, and the token is dead at once', async () => {
    const token = await printedToken();
    expect((await sallyport(['logout'], { env })).code).toBe(0);
    const answer = await fetch(`${gateway.url}/v1/models`, { headers: { authorization: `Bearer ${token}` } });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('x-should-retry')).toBe('false');
    expect((await sallyport(['ask', 'hello'], { env })).code).toBe(3);
  });

  it('leaves no prompt and no completion in what the gateway printed', () => {
    expect(gateway.lines.join('\n')).not.toMatch(/pomegranate|xylophone/i);
  });

  it('has connected to nothing but its practice parts, in all of this', async () => {
    const issuer = new URL(/ issuer: (\S+)/.exec(await gateway.line(/ issuer: /))?.[1] ?? '');
    // Before it listens, it asks which ports of this machine are free.
    const later = recordedDestinations(connections).filter((destination) => !atBoot.includes(destination));
    expect(later).toEqual([]);
    expect(atBoot).toContain(issuer.host);
    expect(atBoot.filter((destination) => !destination.startsWith('127.0.0.1:'))).toEqual([]);
  });

  it('stops with exit code 0 on SIGTERM', async () => {
    expect(await gateway.stop()).toBe(0);
    expect(gateway.events('gateway.stop')).toHaveLength(1);
  });
});
