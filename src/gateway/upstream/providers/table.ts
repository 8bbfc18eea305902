import type { Provider } from '../provider.ts';
import { type AnthropicOptions, createAnthropic } from './anthropic.ts';

/** Every provider this version serves: its options, by kind. Adding one is its file and a line in each place here. */
export interface ProviderOptions {
  readonly anthropic: AnthropicOptions;
}

export type ProviderKind = keyof ProviderOptions;

export type ProviderSettings = {
  [K in ProviderKind]: { readonly kind: K; readonly options: ProviderOptions[K] };
}[ProviderKind];

const providers: { readonly [K in ProviderKind]: (options: ProviderOptions[K]) => Provider } = {
  anthropic: createAnthropic,
};

export function createProvider(settings: ProviderSettings): Provider {
  return providers[settings.kind](settings.options);
}
