import { z } from 'zod';
import data from './models.data.json' with { type: 'json' };

const nullable = z.string().nullish();

/** One built-in model; `models.data.json` holds the data with the source beside each entry. */
const BuiltinModelShape = z.object({
  id: z.string(),
  displayName: z.string(),
  family: z.string(),
  aliases: z.array(z.string()),
  snapshots: z.array(z.string()),
  maxInputTokens: z.number().int().nullable(),
  maxOutputTokens: z.number().int().nullable(),
  providers: z.object({
    anthropic: nullable,
    anthropicAws: nullable,
    bedrock: z.object({ baseId: nullable, profilePrefixes: z.array(z.string()) }).nullish(),
    mantle: nullable,
    vertex: nullable,
    foundry: nullable,
  }),
});

const CatalogShape = z.object({
  models: z.array(BuiltinModelShape),
  retiredAliases: z.record(z.string(), z.string()),
});

export type BuiltinModel = z.infer<typeof BuiltinModelShape>;

export interface BuiltinModels {
  readonly models: readonly BuiltinModel[];
  /** The model of this spelling: alias, dated id, Bedrock id, profile or ARN, Vertex id; any case. */
  find(spelling: string): BuiltinModel | undefined;
}

const PROFILE_PREFIX = /^(?:us-gov|us|eu|apac|jp|au|global)\./;
const ARN = /^arn:aws[a-z-]*:bedrock:[^:]*:[^:]*:(?:foundation-model|inference-profile)\//;
/** Vertex's words for the version that it serves anyway. */
const VERTEX_VERSION = /@(?:default|latest)$/;

/** Reads the catalog's data. */
export function builtinModels(): BuiltinModels {
  const { models, retiredAliases } = CatalogShape.parse(data);
  const bySpelling = new Map<string, BuiltinModel>();
  for (const model of models)
    for (const spelling of spellingsOf(model)) bySpelling.set(spelling.toLowerCase(), model);
  for (const [alias, snapshot] of Object.entries(retiredAliases)) {
    const model = bySpelling.get(snapshot.toLowerCase());
    if (model) bySpelling.set(alias.toLowerCase(), model);
  }
  return {
    models,
    find: (spelling) => {
      const bare = spelling.toLowerCase().replace(ARN, '').replace(PROFILE_PREFIX, '');
      return bySpelling.get(bare.replace(VERTEX_VERSION, ''));
    },
  };
}

/** Every spelling a model is known under, in the providers' own case. */
export function spellingsOf({ id, aliases, snapshots, providers }: BuiltinModel): string[] {
  const ids = [
    id,
    ...aliases,
    ...snapshots,
    providers.anthropic,
    providers.anthropicAws,
    providers.bedrock?.baseId,
  ];
  const all = [...ids, providers.mantle, providers.vertex, providers.foundry];
  return [
    ...new Set(all.filter((spelling): spelling is string => typeof spelling === 'string' && spelling !== '')),
  ];
}
