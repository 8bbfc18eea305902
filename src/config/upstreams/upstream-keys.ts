import { z } from 'zod';
import { choice, httpUrl, listOf, text, whole } from '../fields.ts';
import { headersShape } from './headers.ts';

/** What serves Claude, in the words of `upstreams[].provider`. */
export type ProviderName = 'anthropic' | 'bedrock' | 'mantle' | 'anthropicAws' | 'vertex' | 'foundry';

const modelPattern = () =>
  text('a model id').refine((value) => !/\s/.test(value) && value.split('*').length <= 2, {
    error: 'must be a model id with at most one *',
  });

export const clientModels = () =>
  listOf(modelPattern(), 'model ids').meta({
    title: 'Models',
    description:
      'Client models that go there, each with at most one *; also when another upstream failed. By default all.',
    examples: [['claude-haiku-*']],
  });

/** One and the same for all providers: what depends on none is judged although the provider is not known. */
const everywhere = {
  headers: headersShape,
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
  max_connections: whole(1, 65_535)
    .optional()
    .meta({
      title: 'Connections',
      description:
        'Bound on concurrent requests of each process; others wait in line, for timeouts.upstream_ttfb_ms at most. By default none.',
      examples: [256],
    }),
} as const;

const optionalModels = clientModels().optional();

/** Keys that an upstream of every provider has. */
export function upstreamKeys<const P extends ProviderName>(
  provider: P,
  { title, baseUrl, baseUrlExample }: { title: string; baseUrl: string; baseUrlExample: string },
) {
  return {
    provider: choice(provider).meta({ title: 'Provider', description: title }),
    name: text()
      .default(provider)
      .meta({
        title: 'Name',
        description:
          'What logs and models[].upstream_model call it; must be unique. By default the provider.',
        examples: ['main'],
      }),
    base_url: httpUrl()
      .optional()
      .meta({ title: 'Base URL', description: baseUrl, examples: [baseUrlExample] }),
    ...everywhere,
    models: optionalModels,
    strip: stripShape(provider === 'anthropic' ? false : 'auto'),
  };
}

/** What a request without it would be another one, or none. */
const strippable = () =>
  text().refine((value) => !/^(?:model|messages|max_tokens|stream|system|tools|safeguards.*)$/i.test(value), {
    error: 'must be a beta or an optional field: without this one a request is another one',
  });

function stripShape(byDefault: 'auto' | false) {
  return z
    .union([z.literal('auto'), z.literal(false), listOf(strippable(), 'names')], {
      error: 'must be auto, false or a list of betas and fields',
    })
    .default(byDefault)
    .meta({
      title: 'Strip',
      description:
        'Betas and optional fields to leave out: a list, or auto to learn them from what the upstream refuses. By default auto, and false for anthropic.',
    });
}
