import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import packageJson from '../package.json' with { type: 'json' };
import { checkExample } from './support/example-config.ts';

const chart = fileURLToPath(new URL('../deploy/helm/sallyport/', import.meta.url));
const read = (path: string) => readFileSync(`${chart}${path}`, 'utf8');

const values: unknown = parse(read('values.yaml'));
const Values = z.object({ config: z.unknown(), replicas: z.number(), terminationSpareSeconds: z.number() });
const { config, replicas, terminationSpareSeconds } = Values.parse(values);
const templates = readdirSync(`${chart}templates`).map((name) => ({ name, text: read(`templates/${name}`) }));
const manifests = templates.filter(({ name }) => name.endsWith('.yaml'));

/** What stands in a template beside its actions: lines of actions only are left out, others are a word. */
function skeleton(text: string): unknown {
  const lines = text.split('\n').filter((line) => !/^\s*\{\{.*\}\}$/.test(line));
  return parse(lines.join('\n').replace(/\{\{.*?\}\}/g, 'filled'));
}

/** What the path leads to below the values; undefined where it leads nowhere. */
function valueAt(path: string): unknown {
  return path.split('.').reduce<unknown>((inside, key) => {
    const record = z.record(z.string(), z.unknown()).safeParse(inside);
    return record.success ? record.data[key] : undefined;
  }, values);
}

function deployment() {
  const text = manifests.find(({ name }) => name === 'deployment.yaml')?.text ?? '';
  const Probe = z.object({ httpGet: z.object({ path: z.string(), port: z.literal('http') }) });
  const Deployment = z.object({
    spec: z.object({
      template: z.object({
        spec: z.object({
          securityContext: z.object({ runAsNonRoot: z.literal(true) }),
          containers: z.tuple([
            z.object({
              args: z.array(z.string()),
              startupProbe: Probe,
              livenessProbe: Probe,
              readinessProbe: Probe,
              securityContext: z.object({
                allowPrivilegeEscalation: z.literal(false),
                readOnlyRootFilesystem: z.literal(true),
              }),
              volumeMounts: z.array(z.object({ mountPath: z.string() })),
            }),
          ]),
        }),
      }),
    }),
  });
  return { text, pod: Deployment.parse(skeleton(text)).spec.template.spec };
}

describe('the chart', () => {
  it('is of this release', () => {
    expect(parse(read('Chart.yaml'))).toMatchObject({
      apiVersion: 'v2',
      name: 'sallyport',
      appVersion: packageJson.version,
    });
  });

  it('has a configuration that loads without a warning', () => {
    expect(checkExample('values.yaml', stringify(config))).toMatchObject({ kind: 'valid', warnings: [] });
  });

  it.each(templates)('$name: uses values that there are', ({ text }) => {
    for (const [, path = ''] of text.matchAll(/\.Values\.([\w.]+)/g))
      expect(valueAt(path), path).toBeDefined();
  });

  it('uses all of its values', () => {
    const used = templates.flatMap(({ text }) =>
      [...text.matchAll(/\.Values\.([\w.]+)/g)].map(([, path = '']) => path),
    );
    const leaves = (path: string, value: unknown): string[] => {
      const record = z.record(z.string(), z.unknown()).safeParse(value);
      if (used.includes(path) || !record.success) return [path];
      return Object.entries(record.data).flatMap(([key, below]) =>
        leaves(path === '' ? key : `${path}.${key}`, below),
      );
    };
    expect(leaves('', values).filter((path) => !used.includes(path))).toEqual([]);
  });

  it.each(templates)(
    '$name: opens and closes its actions in pairs, and calls templates that there are',
    ({ text }) => {
      const actions = [...text.matchAll(/\{\{-? *(\w+)/g)].map(([, word]) => word);
      const opened = actions.filter((word) => ['if', 'with', 'range', 'define'].includes(word ?? ''));
      expect(actions.filter((word) => word === 'end').length).toBe(opened.length);
      expect(text.split('{{').length).toBe(text.split('}}').length);
      const defined = templates.flatMap((template) =>
        [...template.text.matchAll(/define "([^"]+)"/g)].map(([, name]) => name),
      );
      for (const [, name] of text.matchAll(/include "([^"]+)"/g)) expect(defined).toContain(name);
    },
  );

  it.each(manifests)('$name: is YAML beside its actions, indented as deep as it says', ({ text }) => {
    expect(skeleton(text)).toMatchObject({ apiVersion: expect.any(String), kind: expect.any(String) });
    for (const [, blanks = '', depth] of text.matchAll(/^( *)\{\{-.*\| nindent (\d+) \}\}$/gm))
      expect(Number(depth)).toBe(blanks.length);
  });

  it('runs the gateway as nobody special, on a file system that it cannot write', () => {
    const [container] = deployment().pod.containers;
    expect(container.args).toEqual(['gateway', '--config', '/etc/sallyport/gateway.yaml']);
    expect(container.volumeMounts.map(({ mountPath }) => mountPath)).toContain('/etc/sallyport');
  });

  it('restarts what does not live, and asks nothing of what is not ready', () => {
    const [container] = deployment().pod.containers;
    expect(container.livenessProbe.httpGet.path).toBe('/healthz');
    expect(container.startupProbe.httpGet.path).toBe('/healthz');
    expect(container.readinessProbe.httpGet.path).toBe('/readyz');
  });

  it('gives a pod the time that the gateway takes to stop, and endpoints the time to go', () => {
    expect(deployment().text).toContain(
      'terminationGracePeriodSeconds: {{ add .Values.config.shutdown.delay_seconds .Values.config.shutdown.grace_seconds .Values.terminationSpareSeconds }}',
    );
    expect(terminationSpareSeconds).toBeGreaterThanOrEqual(10);
    expect(valueAt('config.shutdown.delay_seconds')).toBe(10);
    expect(replicas).toBeGreaterThan(1);
  });

  it('holds no secret: the configuration names variables, and they come from a Secret that is there', () => {
    expect(templates.filter(({ text }) => /kind: Secret\b/.test(text))).toEqual([]);
    expect(deployment().text).toMatch(/secretRef:\n\s+name: \{\{ \.Values\.secretName \}\}/);
  });
});
