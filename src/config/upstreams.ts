// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { z } from 'zod';
import { choice, flag, httpUrl, listOf, secretText, text, whole } from './fields.ts';
import { headersShape } from './upstream-headers.ts';

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
          'Lower ones are tried first; upstreams of equal priority share the load. By default list order.',
        examples: [1],
        isLater: true,
      }),
    weight: whole(1, 1_000_000).default(1).meta({
      title: 'Weight',
      description: 'Share among upstreams of equal priority.',
      isLater: true,
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
        description: 'Bound on concurrent requests. By default none.',
        examples: [256],
        isLater: true,
      }),
  })
  .meta({ title: 'Upstream', description: 'A place that serves inference.' });

export const upstreamsShape = listOf(upstreamShape, 'upstreams')
  .min(1, { error: 'must hold at least one upstream' })
  .meta({
    title: 'Upstreams',
    description: 'Where requests go; the first that can serve a model gets it, the next ones when it fails.',
  });
