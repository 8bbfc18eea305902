// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { secretText, text } from '../fields.ts';
import type { Report } from '../report.ts';
import type { Path } from '../source-problem.ts';
import { regionKey } from './region.ts';

/** Keys of one's own, in place of AWS's default chain. */
export const awsKeyPair = {
  aws_access_key_id: text('the id of an access key')
    .optional()
    .meta({
      title: 'Access key',
      description:
        'Id of an access key; with its secret. By default the default credential chain: environment, shared files, web identity, container, instance.',
      examples: ['${AWS_ACCESS_KEY_ID}'],
    }),
  aws_secret_access_key: secretText('the secret of an access key')
    .optional()
    .meta({
      title: 'Secret key',
      description: 'The secret of the access key.',
      examples: ['${AWS_SECRET_ACCESS_KEY}'],
    }),
  aws_session_token: secretText('the session token of an access key')
    .optional()
    .meta({
      title: 'Session token',
      description: 'For temporary access keys.',
      examples: ['${AWS_SESSION_TOKEN}'],
    }),
} as const;

export const awsBearerToken = secretText('an API key of Amazon Bedrock')
  .optional()
  .meta({
    title: 'Bearer token',
    description: 'An API key of Amazon Bedrock, sent as bearer token; nothing is signed then.',
    examples: ['${AWS_BEARER_TOKEN_BEDROCK}'],
  });

export const awsRegion = () =>
  regionKey(
    'us-east-1',
    'The region that serves and that requests are signed for. Required unless base_url names it.',
  );

/** Keys come in pairs, a session token belongs to one, and one kind of credential is used. */
export function checkAwsAuth(upstream: Path, report: Report): void {
  const at = (key: string) => [...upstream, 'auth', key];
  const has = (key: string) => report.has(at(key));
  const [id, secret, token] = ['aws_access_key_id', 'aws_secret_access_key', 'aws_session_token'] as const;
  const half = (key: string, other: string) =>
    report.error(at(key), `is half of a key pair: ${other} is missing`, `add ${other}, or remove ${key}`);
  if (has(id) && !has(secret)) half(id, secret);
  if (has(secret) && !has(id)) half(secret, id);
  if (has(token) && !has(id) && !has(secret))
    report.error(at(token), `belongs to a key pair, and there is none`, `add ${id} and ${secret}`);
  for (const other of ['aws_bearer_token', 'api_key'])
    if (has(other) && (has(id) || has(secret)))
      report.warning(at(other), 'is used, and the access key beside it is not', 'remove one of the two');
}
