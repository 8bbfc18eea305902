import { z } from 'zod';
import { idProblems } from './ids.ts';
import { priceProblems } from './prices.ts';

/** Prices of one way to be served, in USD per million tokens. */
const classes = z.strictObject({
  input: z.number().positive(),
  output: z.number().positive(),
  cache_write_5m: z.number().positive(),
  cache_write_1h: z.number().positive(),
  cache_read: z.number().positive(),
});

const tier = classes.extend({
  max_prompt_tokens: z.int().positive().optional(),
  min_prompt_tokens_exclusive: z.int().positive().optional(),
});

const source = z.string().min(1);
const id = z.string().regex(/^[a-z0-9][a-z0-9.@:-]*$/);
const limit = z.int().positive().nullable();

const model = z.strictObject({
  id,
  displayName: z.string().min(1),
  family: z.enum(['fable', 'mythos', 'opus', 'sonnet', 'haiku']),
  aliases: z.array(id),
  snapshots: z.array(id).min(1),
  maxInputTokens: limit,
  maxOutputTokens: limit,
  status: z.string().min(1),
  providers: z.strictObject({
    anthropic: id.nullable(),
    anthropicAws: id.nullable(),
    bedrock: z.strictObject({ baseId: id, profilePrefixes: z.array(z.string()) }).nullable(),
    mantle: id.nullable(),
    vertex: id.nullable(),
    foundry: id.nullable(),
  }),
  prices: z.strictObject({
    currency: z.literal('USD'),
    unit: z.literal('per_million_tokens'),
    standard: classes.nullable(),
    batch: classes.pick({ input: true, output: true }).nullable(),
    fast: classes.nullable(),
    prompt_size_tiers: z.array(tier).min(2).nullable(),
    long_context_premium: z.null(),
  }),
  source: z.record(z.string(), source).and(z.object({ ids: source, prices: source })),
  confidence: z.enum(['mirror', 'newer-than-mirror']),
});

const catalog = z.strictObject({
  source,
  units: z.string(),
  unknownModelPrice: classes.pick({ input: true, output: true }),
  retiredAliases: z.record(id, id),
  models: z.array(model).min(1),
});

export type CatalogEntry = z.infer<typeof model>;

/** What of the catalog's data breaks a rule that all of it keeps, one sentence each. */
export function catalogProblems(data: unknown): readonly string[] {
  const parsed = catalog.safeParse(data);
  if (!parsed.success)
    return parsed.error.issues.map(({ path, message }) => `${nameOf(data, path)}: ${message}`);
  const { models, retiredAliases } = parsed.data;
  return [...idProblems(models, retiredAliases), ...models.flatMap(priceProblems)];
}

/** A path with the model's id in place of its number. */
function nameOf(data: unknown, [section, index, ...rest]: readonly PropertyKey[]): string {
  const named = z.object({ models: z.array(z.unknown()) }).safeParse(data);
  const entry = z.object({ id: z.string() }).safeParse(named.data?.models[Number(index)]);
  const first =
    section === 'models' && entry.success ? entry.data.id : [section, index].filter(isGiven).join('.');
  return [first, ...rest].map(String).join('.');
}

function isGiven(step: PropertyKey | undefined): step is PropertyKey {
  return step !== undefined;
}
