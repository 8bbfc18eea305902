import { execFile, execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import packageJson from '../package.json' with { type: 'json' };
import { checkExample } from './support/example-config.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string) => readFileSync(`${root}deploy/${path}`, 'utf8');

const dockerfile = read('docker/Dockerfile');
const unit = new Map<string, string[]>();
for (const [, name = '', value = ''] of read('systemd/sallyport.service').matchAll(/^(\w+)=(.*)$/gm))
  unit.set(name, [...(unit.get(name) ?? []), value]);

const Compose = z.object({
  services: z.object({
    gateway: z.object({
      build: z.object({ context: z.string(), dockerfile: z.string() }),
      environment: z.record(z.string(), z.string()),
      ports: z.array(z.string()),
      volumes: z.array(z.string()),
      stop_grace_period: z.string(),
      read_only: z.literal(true),
      cap_drop: z.tuple([z.literal('ALL')]),
    }),
    postgres: z.object({ image: z.string(), environment: z.record(z.string(), z.string()) }),
  }),
});
const { gateway, postgres } = Compose.parse(parse(read('compose/compose.yaml'))).services;

const packed = filesOfPackage();

/** What the package holds: what the image and the unit start has to be among it. */
function filesOfPackage(): string[] {
  const listed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    encoding: 'utf8',
  });
  const [pack] = z
    .array(z.object({ files: z.array(z.object({ path: z.string() })) }))
    .parse(JSON.parse(listed));
  return pack?.files.map(({ path }) => path) ?? [];
}

function drainSeconds(configFile: string): number {
  const checked = checkExample(configFile, read(configFile));
  if (checked.kind !== 'valid') throw new Error(JSON.stringify(checked));
  const { delay_seconds: delay, grace_seconds: grace } = checked.config.shutdown;
  return delay + grace;
}

describe('the examples', () => {
  it.each(['compose/gateway.yaml', 'systemd/gateway.yaml'])('%s loads without a warning', (path) => {
    expect(checkExample(path, read(path))).toMatchObject({ kind: 'valid', warnings: [] });
  });
});

describe('the image', () => {
  it('is made of folders that exist and are published, and of the bundle', () => {
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, sources = '']) =>
      sources.split(' '),
    );
    for (const source of copied.filter((name) => name !== '.'))
      expect(existsSync(`${root}${source}`), source).toBe(true);
    for (const folder of packageJson.files.filter((name) => !name.includes('.')))
      expect(dockerfile).toMatch(new RegExp(`^COPY (?:--from=build /build/)?${folder} ${folder}$`, 'm'));
  });

  it('runs as nobody special, starts what the package starts, and can be asked how it is', () => {
    expect(dockerfile).toMatch(/^USER 1000:1000$/m);
    expect(dockerfile).toMatch(/^HEALTHCHECK .*CMD \["node", "\/opt\/sallyport\/healthcheck\.js"\]$/m);
    expect(dockerfile).toContain(`ENTRYPOINT ["node", "/opt/sallyport/${packageJson.bin.sallyport}"]`);
    expect(packed).toContain(packageJson.bin.sallyport);
  });

  it('lets no package run anything while it is built', () => {
    const installs = dockerfile.match(/^RUN npm (?:ci|install).*$/gm) ?? [];
    expect(installs.length).toBe(2);
    for (const install of installs) expect(install).toMatch(/^RUN npm ci .*--ignore-scripts/);
  });

  it('leaves out of its builder all that is not named', () => {
    const [first, ...exceptions] = read('docker/Dockerfile.dockerignore')
      .split('\n')
      .filter((line) => /^[^#]/.test(line));
    expect(first).toBe('*');
    for (const line of exceptions) expect(existsSync(`${root}${line.replace(/^!/, '')}`), line).toBe(true);
  });

  it('has a check that passes on 200 and fails on anything else', async () => {
    const server = createServer((request, reply) =>
      reply.writeHead(request.url === '/healthz' ? 200 : 503).end(),
    );
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const { port } = z.object({ port: z.number() }).parse(server.address());
    try {
      expect(await checkHealth(`http://127.0.0.1:${port}/healthz`)).toEqual({ code: 0, said: '' });
      expect(await checkHealth(`http://127.0.0.1:${port}/other`)).toMatchObject({
        code: 1,
        said: expect.stringContaining('answered 503'),
      });
    } finally {
      server.close();
    }
    expect(await checkHealth(`http://127.0.0.1:${port}/healthz`)).toMatchObject({
      code: 1,
      said: expect.stringContaining('ECONNREFUSED'),
    });
  });
});

function checkHealth(url: string): Promise<{ code: number; said: string }> {
  const script = `${root}deploy/docker/healthcheck.js`;
  return new Promise((done) =>
    execFile(process.execPath, [script], { env: { SALLYPORT_HEALTH_URL: url } }, (error, _stdout, said) =>
      done({ code: Number(error?.code ?? 0), said }),
    ),
  );
}

describe('the Compose file', () => {
  it('builds this image and mounts the example where it looks for it', () => {
    expect(existsSync(`${root}deploy/compose/${gateway.build.context}/${gateway.build.dockerfile}`)).toBe(
      true,
    );
    expect(gateway.volumes).toContain('./gateway.yaml:/etc/sallyport/gateway.yaml:ro');
    expect(dockerfile).toContain('"/etc/sallyport/gateway.yaml"');
  });

  it('sets the variables that the example names, and publishes the port that it listens on', () => {
    const example = read('compose/gateway.yaml');
    for (const [, name = ''] of example.matchAll(/\$\{(\w+)\}/g))
      expect(Object.keys(gateway.environment)).toContain(name);
    const port = z.object({ listen: z.object({ port: z.number() }) }).parse(parse(example)).listen.port;
    expect(gateway.ports.map((published) => published.split(':').at(-1))).toEqual([String(port)]);
    expect(gateway.environment['SALLYPORT_HEALTH_URL']).toBe(`https://127.0.0.1:${port}/healthz`);
  });

  it('has a PostgreSQL that is new enough, and waits longer than streams may take', () => {
    expect(Number(/^postgres:(\d+)/.exec(postgres.image)?.[1])).toBeGreaterThanOrEqual(14);
    expect(postgres.environment['POSTGRES_PASSWORD']).toBe(gateway.environment['POSTGRES_PASSWORD']);
    expect(Number.parseInt(gateway.stop_grace_period, 10)).toBeGreaterThan(
      drainSeconds('compose/gateway.yaml'),
    );
  });
});

describe('the systemd unit', () => {
  it('starts a file of the package, and hands SIGHUP on', () => {
    const [, installed = ''] =
      /\/opt\/sallyport\/node_modules\/sallyport\/(\S+) gateway/.exec(unit.get('ExecStart')?.[0] ?? '') ?? [];
    expect(packed).toContain(installed);
    expect(unit.get('ExecReload')).toEqual(['/bin/kill -HUP $MAINPID']);
  });

  it('waits longer than streams may take, and not at all where the configuration is wrong', () => {
    expect(Number(unit.get('TimeoutStopSec'))).toBeGreaterThan(drainSeconds('systemd/gateway.yaml'));
    expect(unit.get('RestartPreventExitStatus')).toEqual(['2']);
    expect(unit.get('KillMode')).toEqual(['mixed']);
  });

  it('lets the gateway write its own folders only, the log of the example among them', () => {
    expect(unit.get('ProtectSystem')).toEqual(['strict']);
    expect(unit.get('StateDirectory')).toEqual(['sallyport']);
    expect(unit.get('LogsDirectory')).toEqual(['sallyport']);
    expect(unit.get('NoNewPrivileges')).toEqual(['yes']);
    expect(unit.get('CapabilityBoundingSet')).toEqual(['']);
    expect(read('systemd/gateway.yaml')).toContain('file:/var/log/sallyport/');
  });
});
