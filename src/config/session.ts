// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { z } from 'zod';
import { listOf, positive, secretText } from './fields.ts';

const signingSecret = secretText('a secret of at least 32 bytes');

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
    ttl_hours: positive(8_760)
      .default(1)
      .meta({
        title: 'Session length',
        description: 'How long an access token lives, in hours.',
        examples: [1, 0.5],
      }),
    refresh_ttl_days: positive(3_650).default(30).meta({
      title: 'Refresh length',
      description: 'How long a refresh token lives, in days.',
    }),
  })
  .meta({ title: 'Sessions', description: 'What a sign-in yields.' });
