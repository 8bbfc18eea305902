import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { checkExample, yamlBlocksOf } from './support/example-config.ts';

const read = (path: string) => readFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), 'utf8');
const proxies = read('docs/reverse-proxy.md');
const deployments = read('docs/deploy.md');
const isOfGateway = (text: string) => /^(listen|shutdown|store|metrics):/m.test(text);

/** What an example says, in a file that has the rest. */
function configOf(fragment: string) {
  const base: unknown = parse(read('deploy/systemd/gateway.yaml'));
  const whole = { ...z.record(z.string(), z.unknown()).parse(base), ...parse(fragment) };
  const result = checkExample('gateway.yaml', stringify(whole));
  if (result.kind !== 'valid') throw new Error(JSON.stringify(result));
  expect(result.warnings).toEqual([]);
  return result.config;
}

/** The text below a heading, to the next one of its depth. */
function section(page: string, heading: string): string {
  const [, text] = page.split(new RegExp(`^## ${heading}$`, 'm'));
  if (text === undefined) throw new Error(`no section ${heading}`);
  return text.split(/^## /m)[0] ?? '';
}

/** The gateway's configuration that stands in a section. */
function gatewayIn(text: string) {
  const [fragment] = yamlBlocksOf(text).filter(isOfGateway);
  return configOf(fragment ?? '');
}

const seconds = (pattern: RegExp, text: string) => Number(pattern.exec(text)?.[1]);
const defaults = configOf('');

describe('docs/reverse-proxy.md and docs/deploy.md', () => {
  const fragments = [...yamlBlocksOf(proxies), ...yamlBlocksOf(deployments)].filter(isOfGateway);

  it.each(fragments)('have parts of gateway.yaml that load without a warning: %#', (fragment) => {
    expect(configOf(fragment)).toMatchObject(
      parse(fragment).shutdown ? { shutdown: parse(fragment).shutdown } : {},
    );
  });
});

describe('the Application Load Balancer of AWS', () => {
  const text = section(proxies, 'AWS Application Load Balancer');
  const idle = seconds(/idle_timeout\.timeout_seconds,Value=(\d+)/, text);

  it('waits longer than the gateway for silent upstreams, and closes kept connections first', () => {
    expect(idle * 1000).toBeGreaterThan(defaults.timeouts.upstream_idle_ms);
    expect(gatewayIn(text).listen.keep_alive_seconds).toBeGreaterThan(idle);
  });

  it('has noticed that a replica stops before it stops', () => {
    const interval = seconds(/--health-check-interval-seconds (\d+)/, text);
    const threshold = seconds(/--unhealthy-threshold-count (\d+)/, text);
    expect(gatewayIn(text).shutdown.delay_seconds).toBeGreaterThan(interval * threshold);
    expect(seconds(/deregistration_delay\.timeout_seconds,Value=(\d+)/, text)).toBe(
      defaults.shutdown.grace_seconds,
    );
  });
});

describe("Google Cloud's Application Load Balancers", () => {
  const text = section(proxies, "Google Cloud's Application Load Balancers");

  it('let an answer take as long as it may be silent, several times over', () => {
    const timeout = seconds(/--timeout (\d+)s/, text);
    expect(timeout * 1000).toBeGreaterThan(2 * defaults.timeouts.upstream_idle_ms);
  });

  it('have noticed that a replica stops before it stops, and keep connections for less time', () => {
    const { listen, shutdown } = gatewayIn(text);
    const noticed = seconds(/--check-interval (\d+)s/, text) * seconds(/--unhealthy-threshold (\d+)/, text);
    expect(shutdown.delay_seconds).toBeGreaterThan(noticed);
    expect(listen.keep_alive_seconds).toBeGreaterThan(600);
  });
});

describe('Envoy', () => {
  const [example = ''] = yamlBlocksOf(section(proxies, 'Envoy'));
  const Duration = z
    .string()
    .regex(/^\d+s$/)
    .transform((text) => Number.parseInt(text, 10));
  const Manager = z.object({
    use_remote_address: z.literal(true),
    stream_idle_timeout: Duration,
    route_config: z.object({
      virtual_hosts: z.array(
        z.object({
          routes: z.array(z.object({ route: z.object({ cluster: z.string(), timeout: Duration }) })),
        }),
      ),
    }),
    http_filters: z.array(z.object({ name: z.string() })),
  });
  const Cluster = z.object({
    name: z.string(),
    typed_extension_protocol_options: z.record(
      z.string(),
      z.object({ '@type': z.string(), common_http_protocol_options: z.object({ idle_timeout: Duration }) }),
    ),
    health_checks: z.array(
      z.object({
        interval: Duration,
        unhealthy_threshold: z.number(),
        http_health_check: z.object({ path: z.string() }),
      }),
    ),
  });
  const Resources = z.object({
    listeners: z.tuple([
      z.object({
        filter_chains: z.tuple([z.object({ filters: z.tuple([z.object({ typed_config: Manager })]) })]),
      }),
    ]),
    clusters: z.tuple([Cluster]),
  });
  const { listeners, clusters } = z
    .object({ static_resources: Resources })
    .parse(parse(example)).static_resources;
  const manager = listeners[0].filter_chains[0].filters[0].typed_config;
  const [cluster] = clusters;

  it('waits longer than the gateway for silent upstreams, has no limit for an answer and no filter that buffers', () => {
    expect(manager.stream_idle_timeout * 1000).toBeGreaterThan(defaults.timeouts.upstream_idle_ms);
    const routes = manager.route_config.virtual_hosts.flatMap((host) =>
      host.routes.map(({ route }) => route),
    );
    expect(routes).toEqual([{ cluster: cluster.name, timeout: 0 }]);
    expect(manager.http_filters.map(({ name }) => name)).toEqual(['envoy.filters.http.router']);
  });

  it('closes kept connections first', () => {
    for (const options of Object.values(cluster.typed_extension_protocol_options))
      expect(options.common_http_protocol_options.idle_timeout).toBeLessThan(
        defaults.listen.keep_alive_seconds,
      );
    expect(Object.keys(cluster.typed_extension_protocol_options)).toHaveLength(1);
  });

  it('has noticed that a replica stops before it stops', () => {
    const delay = seconds(/`shutdown\.delay_seconds: (\d+)`/, section(proxies, 'Envoy'));
    expect(cluster.health_checks).toHaveLength(1);
    for (const {
      interval,
      unhealthy_threshold: threshold,
      http_health_check: check,
    } of cluster.health_checks) {
      expect(check.path).toBe('/readyz');
      expect(delay).toBeGreaterThan(interval * threshold);
    }
  });
});
