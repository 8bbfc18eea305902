import type { Provider, ProviderParts } from '../provider.ts';
import { type AnthropicOptions, createAnthropic } from './anthropic.ts';
import type { AnthropicAwsOptions } from './anthropic-aws.ts';
import type { BedrockOptions } from './bedrock/options.ts';
import type { FoundryOptions } from './foundry/options.ts';
import type { MantleOptions } from './mantle.ts';
import type { VertexOptions } from './vertex/options.ts';

/** Every provider this version serves: its options, by kind. Adding one is its file and a line in each place here. */
export interface ProviderOptions {
  readonly anthropic: AnthropicOptions;
  readonly anthropicAws: AnthropicAwsOptions;
  readonly bedrock: BedrockOptions;
  readonly mantle: MantleOptions;
  readonly vertex: VertexOptions;
  readonly foundry: FoundryOptions;
}

export type ProviderKind = keyof ProviderOptions;

export type ProviderSettings = {
  [K in ProviderKind]: { readonly kind: K; readonly options: ProviderOptions[K] };
}[ProviderKind];

/** A provider's module, and the vendor's libraries behind it, are loaded when an upstream needs them. */
const providers: {
  readonly [K in ProviderKind]: (
    options: ProviderOptions[K],
    parts: ProviderParts,
  ) => Provider | Promise<Provider>;
} = {
  anthropic: createAnthropic,
  anthropicAws: async (options, parts) =>
    (await import('./anthropic-aws.ts')).createAnthropicAws(options, parts),
  bedrock: async (options, parts) => (await import('./bedrock/bedrock.ts')).createBedrock(options, parts),
  mantle: async (options, parts) => (await import('./mantle.ts')).createMantle(options, parts),
  vertex: async (options, parts) => (await import('./vertex/vertex.ts')).createVertex(options, parts),
  foundry: async (options, parts) => (await import('./foundry/foundry.ts')).createFoundry(options, parts),
};

export async function createProvider<K extends ProviderKind>(
  { kind, options }: { readonly kind: K; readonly options: ProviderOptions[K] },
  parts: ProviderParts,
): Promise<Provider> {
  return providers[kind](options, parts);
}
