// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { z } from 'zod';
import { kindOfSchema } from './schema-kind.ts';
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
  if (key === 'auth') return 'add auth: { api_key: "${ANTHROPIC_API_KEY}" }';
  const shape = kindOfSchema(schema);
  if (shape.kind === 'map') return `add ${key}: with ${Object.keys(shape.keys).join(', ')}`;
  const example = z.globalRegistry.get(schema)?.examples;
  const first: unknown = Array.isArray(example) ? example[0] : undefined;
  return typeof first === 'string' ? `add ${key}: ${first}` : `add ${key}:`;
}
