// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { z } from 'zod';
import { kindOfSchema, optionsOf } from './schema-kind.ts';
import type { Path } from './source-problem.ts';

/** Sections whose required keys depend on others. */
const sections: Readonly<Record<string, string>> = {
  listen: 'add listen: with public_url: https://<where developers reach the gateway>',
  oidc: 'add oidc: with issuer, client_id and client_secret',
  session:
    'add session: with jwt_secret: ${SALLYPORT_JWT_SECRET}; `sallyport rotate-secret --print` makes one',
  upstreams: 'add upstreams: with - { provider: anthropic, auth: { api_key: "${ANTHROPIC_API_KEY}" } }',
};

/** What to add for a required key that is not there. */
export function adviceForMissing(path: Path, schema: z.ZodType): string {
  const key = String(path.at(-1));
  const section = path.length === 1 ? sections[key] : undefined;
  if (section !== undefined) return section;
  if (key === 'match') return 'add match: with groups or email_domain; match: {} is everybody';
  const shape = kindOfSchema(schema);
  const words = optionsOf(schema);
  if (words.length > 1) return `add ${key}: with one of ${words.join(', ')}`;
  if (shape.kind !== 'map') return `add ${key}: ${exampleOf(schema) ?? ''}`.trimEnd();
  const apiKey = shape.keys['api_key'] && exampleOf(shape.keys['api_key']);
  if (apiKey !== undefined) return `add ${key}: { api_key: "${apiKey}" }`;
  return `add ${key}: with ${Object.keys(shape.keys).join(', ')}`;
}

function exampleOf(schema: z.ZodType): string | undefined {
  const { examples } = z.globalRegistry.get(schema) ?? {};
  const first: unknown = Array.isArray(examples) ? examples[0] : undefined;
  return typeof first === 'string' ? first : undefined;
}
