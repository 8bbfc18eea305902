// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { z } from 'zod';
import { choice, flag, httpUrl, listOf, secretText, text, whole } from './fields.ts';
import { isLoopback } from './listen.ts';
import type { Valid } from './read-shape.ts';
import type { Report } from './report.ts';
import { checkHeaderNames, headersShape } from './upstream-headers.ts';

const anthropicAuthShape = z
  .strictObject({
    api_key: secretText('an API key')
      .optional()
      .meta({ title: 'API key', description: 'Sent as x-api-key.', examples: ['${ANTHROPIC_API_KEY}'] }),
    oauth_token: secretText('an OAuth token')
      .optional()
      .meta({
        title: 'OAuth token',
        description: 'Sent as bearer token.',
        examples: ['${ANTHROPIC_OAUTH_TOKEN}'],
      }),
  })
  .meta({ title: 'Credential', description: 'Exactly one of api_key and oauth_token.' });

const modelPattern = () =>
  text('a model id').refine((value) => !/\s/.test(value) && value.split('*').length <= 2, {
    error: 'must be a model id with at most one *',
  });

const upstreamShape = z
  .strictObject({
    provider: choice('anthropic').meta({
      title: 'Provider',
      description: 'anthropic: the Anthropic API, or anything else that speaks the Messages API.',
    }),
    name: text()
      .default('anthropic')
      .meta({
        title: 'Name',
        description:
          'What logs and models[].upstream_model call it; must be unique. By default the provider.',
        examples: ['anthropic-eu'],
      }),
    base_url: httpUrl()
      .optional()
      .meta({
        title: 'Base URL',
        description: 'Where the Messages API is, without /v1. By default https://api.anthropic.com.',
        examples: ['https://llm-proxy.corp.example.com'],
      }),
    auth: anthropicAuthShape,
    headers: headersShape,
    models: listOf(modelPattern(), 'model ids')
      .optional()
      .meta({
        title: 'Models',
        description: 'Client models that go there, each with at most one *. By default all.',
        examples: [['claude-haiku-*']],
      }),
    forward_user_identity: flag().default(false).meta({
      title: 'Forward identity',
      description: "Send the developer's id and email address in headers. Never to the Anthropic API.",
    }),
    priority: whole(0, 1_000_000)
      .optional()
      .meta({
        title: 'Priority',
        description:
          'Lower ones are tried first; upstreams of equal priority share the conversations. By default the place in the list, counted from 0.',
        examples: [1],
      }),
    weight: whole(1, 1_000_000).default(1).meta({
      title: 'Weight',
      description: 'Share of the conversations among upstreams of equal priority.',
    }),
    strip: z
      .union([z.literal('auto'), z.literal(false), listOf(text(), 'names')], {
        error: 'must be auto, false or a list of betas and fields',
      })
      .default(false)
      .meta({
        title: 'Strip',
        description: 'Betas and fields to leave out after the upstream refused them; auto learns them.',
        isLater: true,
      }),
    max_connections: whole(1, 65_535)
      .optional()
      .meta({
        title: 'Connections',
        description:
          'Bound on concurrent requests of each process; others wait in line, for timeouts.upstream_ttfb_ms at most. By default none.',
        examples: [256],
      }),
  })
  .meta({ title: 'Upstream', description: 'A place that serves inference.' });

export const upstreamsShape = listOf(upstreamShape, 'upstreams')
  .min(1, { error: 'must hold at least one upstream' })
  .meta({
    title: 'Upstreams',
    description: 'Where requests go; the first that can serve a model gets it, the next ones when it fails.',
  });

type Upstreams = Valid<z.output<typeof upstreamsShape>>;
type Upstream = NonNullable<Upstreams[number]>;

/** `allowsLoopback`: CLAUDE_GATEWAY_ALLOW_LOOPBACK is on, or not known. */
export function checkUpstreams(
  upstreams: Upstreams | undefined,
  allowsLoopback: boolean,
  report: Report,
): void {
  const names = new Map<string, number>();
  for (const [index, upstream] of (upstreams ?? []).entries()) {
    if (!upstream) continue;
    checkName(upstream, index, names, report);
    if (upstream.auth) checkAuth(index, report);
    checkHeaderNames(Object.keys(upstream.headers ?? {}), ['upstreams', index, 'headers'], report);
    checkAddress(upstream, index, allowsLoopback, report);
  }
  checkPriorities(upstreams ?? [], report);
}

/** A place in the list and a number of the operator's are compared: that deserves a second look. */
function checkPriorities(upstreams: Upstreams, report: Report): void {
  const hasPriority = (index: number) => report.has(['upstreams', index, 'priority']);
  if (!upstreams.some((_upstream, index) => hasPriority(index))) return;
  for (const index of upstreams.keys()) {
    if (hasPriority(index)) continue;
    report.warning(
      ['upstreams', index],
      `has no priority while others have one: its place in the list counts, ${index}`,
      'give each of them a priority:',
    );
  }
}

function checkName({ name }: Upstream, index: number, names: Map<string, number>, report: Report): void {
  if (name === undefined) return;
  const earlier = names.get(name);
  names.set(name, earlier ?? index);
  if (earlier === undefined) return;
  report.error(
    ['upstreams', index, 'name'],
    `must be unique, and upstreams[${earlier}] is called ${JSON.stringify(name)} as well`,
    'give each of them a name: of its own',
  );
}

function checkAuth(index: number, report: Report): void {
  const path = ['upstreams', index, 'auth'] as const;
  const hasKey = report.has([...path, 'api_key']);
  const hasToken = report.has([...path, 'oauth_token']);
  if (hasKey && hasToken)
    report.error(path, 'holds api_key and oauth_token: exactly one is possible', 'remove one of the two');
  if (!hasKey && !hasToken)
    report.error(path, 'needs api_key or oauth_token', 'add api_key: ${ANTHROPIC_API_KEY}');
}

function checkAddress(upstream: Upstream, index: number, allowsLoopback: boolean, report: Report): void {
  const at = (key: string) => ['upstreams', index, key];
  const { base_url: baseUrl } = upstream;
  if (baseUrl === undefined && report.has(at('base_url'))) return;
  const { hostname, protocol } = new URL(baseUrl ?? 'https://api.anthropic.com');
  if (upstream.forward_user_identity === true && /(?:^|\.)anthropic\.com\.?$/i.test(hostname))
    report.error(
      at('forward_user_identity'),
      'is not possible toward the Anthropic API: it would learn who your developers are',
      'remove it, or set base_url to a gateway of your own',
    );
  if (isLoopback(hostname) && !allowsLoopback)
    report.warning(
      at('base_url'),
      'is on this machine, and connections to loopback are refused',
      'set CLAUDE_GATEWAY_ALLOW_LOOPBACK=1 in the environment of the gateway',
    );
  else if (protocol === 'http:' && !isLoopback(hostname))
    report.warning(
      at('base_url'),
      'is plain http: the credential and all prompts travel unencrypted',
      'use https',
    );
}
