import type { BuiltinModel } from './builtin-models.ts';

export type ModelProvider = 'anthropic' | 'anthropicAws' | 'bedrock' | 'mantle' | 'vertex' | 'foundry';

type IdRule = (model: BuiltinModel, region: string | undefined) => string | undefined;

/** What each provider calls a built-in model unless the operator maps it; undefined when it does not have it. */
const defaultIds: Readonly<Record<ModelProvider, IdRule>> = {
  anthropic: (model) => model.providers.anthropic ?? undefined,
  anthropicAws: (model) => model.providers.anthropicAws ?? undefined,
  bedrock: bedrockId,
  mantle: (model) => model.providers.mantle ?? undefined,
  vertex: (model) => model.providers.vertex ?? undefined,
  foundry: (model) => model.providers.foundry ?? undefined,
};

export function defaultUpstreamId(
  provider: ModelProvider,
  model: BuiltinModel,
  region: string | undefined,
): string | undefined {
  return defaultIds[provider](model, region);
}

/** Providers that take a model name as the client wrote it. */
export function speaksClientNames(provider: ModelProvider): boolean {
  return provider === 'anthropic' || provider === 'anthropicAws';
}

const GEOGRAPHIES: readonly (readonly [region: RegExp, prefix: string])[] = [
  [/^us-gov-/, 'us-gov.'],
  [/^us-/, 'us.'],
  [/^eu-/, 'eu.'],
  [/^ap-northeast-[13]$/, 'jp.'],
  [/^ap-southeast-[24]$/, 'au.'],
  [/^ap-/, 'apac.'],
];

/** The profile of the region's geography where there is one, else the global one, else the base id. */
function bedrockId({ providers }: BuiltinModel, region: string | undefined): string | undefined {
  const { baseId, profilePrefixes = [] } = providers.bedrock ?? {};
  if (!baseId) return undefined;
  const geography = GEOGRAPHIES.find(([pattern]) => pattern.test(region ?? ''))?.[1];
  const prefix = [geography, 'global.'].find(
    (wanted) => wanted !== undefined && profilePrefixes.includes(wanted),
  );
  return `${prefix ?? ''}${baseId}`;
}
