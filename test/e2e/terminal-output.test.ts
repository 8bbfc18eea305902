import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { paths } from '../../src/kernel/protocol.ts';
import { json, type StandIn, startStandIn } from '../client/stand-in-gateway.ts';
import { INHERITED_ENV, sallyport, startSallyport } from '../support/gateway-process.ts';

const cli = fileURLToPath(new URL('../../bin/cli.js', import.meta.url));
const FULL = '/dev/full';

let folder: string;
let gateway: StandIn;
let env: Record<string, string>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-output-'));
  env = { SALLYPORT_CONFIG_DIR: join(folder, 'developer') };
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
        json(response, 200, { access_token: 'token', token_type: 'Bearer', expires_in: 3_600 }),
      [`GET ${paths.models}`]: (_request, response) => json(response, 200, { data: [{ id: 'a-model' }] }),
      [`POST ${paths.messages}`]: (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(`event: message_start\ndata: {"type":"message_start","message":{"usage":{}}}\n\n`);
        const piece = {
          type: 'content_block_delta',
          index: 0,
          delta: { type: 'text_delta', text: 'word\n' },
        };
        // Goes on for as long as somebody reads.
        const more = setInterval(
          () => response.write(`event: ${piece.type}\ndata: ${JSON.stringify(piece)}\n\n`),
          10,
        );
        response.on('close', () => clearInterval(more));
      },
    },
  });
  const signedIn = await sallyport(['login', '--gateway-url', gateway.origin, '--no-browser'], { env });
  expect(signedIn.code).toBe(0);
}, 60_000);

afterAll(async () => {
  await gateway.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a command with stdout on a device that is always full. */
async function intoFullDisk(...args: readonly string[]) {
  const full = openSync(FULL, 'w');
  const child = spawn(process.execPath, [cli, ...args], {
    env: { ...INHERITED_ENV, HOME: folder, ...env },
    stdio: ['ignore', full, 'pipe'],
  });
  closeSync(full);
  const [stderr] = await Promise.all([child.stderr ? readAll(child.stderr) : '', once(child, 'exit')]);
  return { code: child.exitCode, stderr };
}

describe.skipIf(!existsSync(FULL))('output that cannot be written', () => {
  it.each([
    '--help',
    '--version',
    'schema',
    'gateway --help',
    'rotate-secret --print',
    'token',
    'env',
    'models',
    'models --json',
    'status',
    'ask hello',
  ])(
    'fails %s with a sentence',
    async (line) => {
      const { code, stderr } = await intoFullDisk(...line.split(' '));
      expect(code).toBe(1);
      expect(stderr.trimEnd().split('\n').at(-1)).toBe(
        'Error: The output could not be written: the disk is full (ENOSPC). What was written is incomplete',
      );
      expect(stderr).not.toContain('unexpected');
    },
    60_000,
  );
});

describe('rotate-secret with a variable, whose new value is printed once', () => {
  const GATEWAY_YAML = `listen: { host: 127.0.0.1 }
oidc: { issuer: https://login.example.com, client_id: sallyport, client_secret: secret }
session:
  jwt_secret: \${JWT_SECRET}
store: { embedded: /var/lib/sallyport }
upstreams: [{ provider: anthropic, auth: { api_key: key } }]
`;
  let place: string;
  let file: string;

  beforeEach(() => {
    place = join(folder, 'operator');
    mkdirSync(place);
    file = join(place, 'gateway.yaml');
    writeFileSync(file, GATEWAY_YAML);
  });

  afterEach(() => rmSync(place, { recursive: true, force: true }));

  function expectFileAsItWas(stderr: string, reason: string): void {
    expect(stderr).toBe(`Error: The new secret could not be printed: ${reason}. ${file} is as it was\n`);
    expect(readFileSync(file, 'utf8')).toBe(GATEWAY_YAML);
    expect(readdirSync(place)).toEqual(['gateway.yaml', 'gateway.yaml.bak']);
  }

  it.skipIf(!existsSync(FULL))('leaves the file as it was where that cannot be written', async () => {
    const { code, stderr } = await intoFullDisk('rotate-secret', '--config', file);
    expect(code).toBe(1);
    expectFileAsItWas(stderr, 'the disk is full (ENOSPC)');
  });

  it('leaves the file as it was where nobody reads that', async () => {
    const child = startSallyport(['rotate-secret', '--config', file]);
    child.stdout?.destroy();
    const [stderr] = await Promise.all([child.stderr ? readAll(child.stderr) : '', once(child, 'exit')]);
    expect(child.exitCode).toBe(1);
    expectFileAsItWas(stderr, 'nobody reads it (EPIPE)');
  });
});

describe('output that nobody reads to its end', () => {
  it.each([[['schema']], [['--help']], [['models']], [['ask', 'hello']]])(
    'ends %j without a word',
    async (args) => {
      const child = startSallyport(args, { env });
      child.stdin?.end();
      const stderr = child.stderr ? readAll(child.stderr) : '';
      if (args[0] === 'ask') await once(child.stdout ?? child, 'data');
      child.stdout?.destroy();
      await once(child, 'exit');
      expect({ code: child.exitCode, stderr: await stderr }).toEqual({ code: 0, stderr: '' });
    },
    60_000,
  );
});
