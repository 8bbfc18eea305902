import { fileWith } from '../config-file.ts';

/** A valid file with these upstreams in place of its own, each in YAML's short form. */
export function upstreams(...items: readonly string[]): string {
  return fileWith({ upstreams: `upstreams:\n${items.map((item) => `  - { ${item} }\n`).join('')}` });
}

/** The least that is valid for each provider, without its braces. */
export const least = {
  anthropic: 'provider: anthropic, auth: { api_key: k }',
  bedrock: 'provider: bedrock, region: us-east-1',
  mantle: 'provider: mantle, region: us-east-1, models: ["claude-opus-*"]',
  anthropicAws: 'provider: anthropicAws, region: us-east-1, workspace_id: wrkspc_01',
  vertex: 'provider: vertex, region: global, project_id: acme-ai',
  foundry: 'provider: foundry, resource: acme, auth: { api_key: k }',
} as const;

export type Provider = keyof typeof least;

export const providers = Object.keys(least) as Provider[];
