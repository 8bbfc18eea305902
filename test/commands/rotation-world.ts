// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { registerRotateSecret } from '../../src/commands/rotate-secret.ts';
import {
  type CommandResult,
  createFastClock,
  createMemoryHost,
  type MemoryHostOptions,
  runCommand,
} from '../support/memory-host.ts';

export const OLD = 'n0TUx9tPRcZQbOcUJRHdkWhHkWbiX0bkgVQW5FJmJ1s';
export const START = Date.parse('2026-10-07T09:12:44Z');

/** A folder with a gateway.yaml in it, and a clock. */
export interface RotationWorld {
  readonly folder: string;
  readonly file: string;
  readonly clock: ReturnType<typeof createFastClock>;
  /** The embedded store is in `store` of the folder, unless told otherwise; there is none to begin with. */
  write(jwtSecret: string, rest?: string, store?: string): Promise<void>;
  text(name?: string): Promise<string>;
  /** What `session.jwt_secret` now is, as YAML has it. */
  secrets(): Promise<unknown>;
  names(): Promise<readonly string[]>;
  rotate(args?: readonly string[], options?: MemoryHostOptions): Promise<CommandResult>;
  remove(): Promise<void>;
}

export async function createRotationWorld(): Promise<RotationWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-rotate-'));
  const file = join(folder, 'gateway.yaml');
  const clock = createFastClock(START);
  const text = (name = 'gateway.yaml') => readFile(join(folder, name), 'utf8');
  return {
    folder,
    file,
    clock,
    text,
    write: (jwtSecret, rest = '', store = join(folder, 'store')) =>
      writeFile(file, gatewayYaml(jwtSecret, rest, store)),
    secrets: async () => parse(await text()).session.jwt_secret,
    names: async () => (await readdir(folder)).toSorted(),
    rotate(args = [], options = {}) {
      const host = createMemoryHost({ clock, ...options });
      return runCommand(host, registerRotateSecret, ['rotate-secret', '--config', file, ...args]);
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

function gatewayYaml(jwtSecret: string, rest: string, store: string): string {
  return `# The gateway of Example Inc.
listen: { host: 127.0.0.1 }
oidc:
  issuer: https://login.example.com
  client_id: sallyport
  client_secret: \${OIDC_CLIENT_SECRET} # not set here
session:
  jwt_secret: ${jwtSecret}
store: { embedded: ${store} }
upstreams:
  - provider: anthropic
    auth: { api_key: key }
${rest}`;
}
