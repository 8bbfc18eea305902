// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { z } from 'zod';
import { type Secret, secret } from '../kernel/secret.ts';
import { listOf, numeric } from './fields.ts';
import type { Valid } from './read-shape.ts';
import type { Report } from './report.ts';

const NEW_SECRET = 'make one with `sallyport rotate-secret --print`';
const MIN_BYTES = 32;
/** Six minutes: clients renew an access token five minutes before its end. */
const LEAST_HOURS = 0.1;
/** A quarter of an hour, so that there is time to renew. */
const LEAST_DAYS = 0.01;
/** Words of secrets that stand in documentation; a random one holds none of them. */
const EXAMPLE =
  /change[-_ ]?(?:me|this|it)|replace[-_ ]?(?:me|this)|(?:your|insert|example)[-_ ]?(?:\w+[-_ ])?(?:secret|key)|^<.*>$/i;

const signingSecret = z
  .string({ error: 'must be a secret of at least 32 bytes' })
  .refine((value) => Buffer.byteLength(value) >= MIN_BYTES, {
    error: 'must be a secret of at least 32 bytes',
    params: { hint: NEW_SECRET },
    abort: true,
  })
  .refine((value) => !EXAMPLE.test(value), {
    error: 'is an example secret that anybody can read in documentation',
    params: { hint: NEW_SECRET },
  })
  .transform(secret)
  .meta({ secret: true });

export const sessionShape = z
  .strictObject({
    jwt_secret: z
      .union(
        [signingSecret, listOf(signingSecret, 'secrets').min(1, { error: 'must hold at least one secret' })],
        { error: 'must be a secret or a list of secrets' },
      )
      .transform((value) => (Array.isArray(value) ? value : [value]))
      .meta({
        title: 'Signing secret',
        description:
          'At least 32 bytes. Of a list the first signs and all verify; `sallyport rotate-secret` changes it without ending sessions.',
        examples: ['${SALLYPORT_JWT_SECRET}', ['${NEW_JWT_SECRET}', '${OLD_JWT_SECRET}']],
      }),
    ttl_hours: numeric(LEAST_HOURS, 8_760)
      .default(1)
      .meta({
        title: 'Session length',
        description: 'How long an access token lives, in hours.',
        examples: [1, 0.5],
      }),
    refresh_ttl_days: numeric(LEAST_DAYS, 3_650).default(30).meta({
      title: 'Refresh length',
      description: 'How long a refresh token lives, in days.',
    }),
  })
  .meta({ title: 'Sessions', description: 'What a sign-in yields.' });

export function checkSession(
  session: Valid<z.output<typeof sessionShape>> | undefined,
  report: Report,
): void {
  const path = ['session', 'jwt_secret'] as const;
  const entries = session?.jwt_secret ?? [];
  const isList = report.has([...path, 0]);
  const seen = new Map<string, number>();
  for (const [index, entry] of entries.entries()) {
    if (!entry) continue;
    const at = isList ? [...path, index] : path;
    const earlier = seen.get(entry.reveal());
    if (earlier !== undefined)
      report.error(at, `is the same as session.jwt_secret[${earlier}]`, 'remove one of the two');
    else if (isGuessable(entry))
      report.warning(at, 'does not look random: few different characters', NEW_SECRET);
    seen.set(entry.reveal(), index);
  }
}

/** 32 random hexadecimal digits hold eight different ones or more, but for once in millions. */
function isGuessable(entry: Secret): boolean {
  return new Set(entry.reveal()).size < 8;
}
