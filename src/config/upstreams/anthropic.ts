// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { z } from 'zod';
import { flag, secretText, text } from '../fields.ts';
import { isLoopback } from '../listen.ts';
import type { Report } from '../report.ts';
import type { Path } from '../source-problem.ts';
import type { UpstreamCheck } from './upstream-check.ts';
import { upstreamKeys } from './upstream-keys.ts';

const authShape = z
  .strictObject({
    api_key: secretText('an API key')
      .optional()
      .meta({ title: 'API key', description: 'Sent as x-api-key.', examples: ['${ANTHROPIC_API_KEY}'] }),
    oauth_token: secretText('an OAuth token')
      .optional()
      .meta({
        title: 'OAuth token',
        description: 'Sent as bearer token.',
        examples: ['${ANTHROPIC_OAUTH_TOKEN}'],
      }),
    federation_rule_id: text('the id of a federation rule')
      .optional()
      .meta({
        title: 'Federation rule',
        description:
          'Workload identity federation: the rule that the identity token is exchanged under, in place of a key.',
        examples: ['fdrl_01ABCDEF'],
      }),
    organization_id: text('the id of an organization')
      .optional()
      .meta({
        title: 'Organization',
        description: 'Workload identity federation: the organization of the rule.',
        examples: ['00000000-0000-4000-8000-000000000000'],
      }),
    identity_token_file: text('the path of a file')
      .optional()
      .meta({
        title: 'Identity token',
        description: "Workload identity federation: path of the workload's token, read at each exchange.",
        examples: ['/var/run/secrets/anthropic/token'],
      }),
    workspace_id: text('the id of a workspace')
      .optional()
      .meta({
        title: 'Workspace',
        description:
          'Workload identity federation: the workspace that the credential is for, where the rule allows several.',
        examples: ['wrkspc_01ABCDEF'],
      }),
    service_account_id: text('the id of a service account')
      .optional()
      .meta({
        title: 'Service account',
        description: 'Workload identity federation: the service account that the rule must lead to.',
        examples: ['svac_01ABCDEF'],
      }),
  })
  .meta({
    title: 'Credential',
    description: 'Exactly one of api_key, oauth_token and workload identity federation.',
  });

export const anthropicShape = z
  .strictObject({
    ...upstreamKeys('anthropic', {
      title: 'The Anthropic API, or anything else that speaks the Messages API.',
      baseUrl: 'Where the Messages API is, without /v1. By default https://api.anthropic.com.',
      baseUrlExample: 'https://llm-proxy.corp.example.com',
    }),
    auth: authShape,
    forward_user_identity: flag().default(false).meta({
      title: 'Forward identity',
      description: "Send the developer's id and email address in headers. Never to the Anthropic API.",
    }),
  })
  .meta({ title: 'Anthropic', description: 'The Anthropic API, or what speaks its Messages API.' });

export const checkAnthropic: UpstreamCheck<typeof anthropicShape> = (upstream, path, report) => {
  if (upstream.auth) checkAuth([...path, 'auth'], report);
  const { base_url: baseUrl, forward_user_identity: forwards } = upstream;
  if (baseUrl === undefined && report.has([...path, 'base_url'])) return;
  const { hostname } = new URL(baseUrl ?? 'https://api.anthropic.com');
  if (forwards === true && /(?:^|\.)anthropic\.com\.?$/i.test(hostname))
    report.error(
      [...path, 'forward_user_identity'],
      'is not possible toward the Anthropic API: it would learn who your developers are',
      'remove it, or set base_url to a gateway of your own',
    );
  if (
    baseUrl?.startsWith('http:') &&
    !isLoopback(hostname) &&
    report.has([...path, 'auth', 'federation_rule_id'])
  )
    report.error(
      [...path, 'base_url'],
      'is plain http, and identity tokens are exchanged there',
      'use https, or a key in place of the federation',
    );
};

const FEDERATION = ['federation_rule_id', 'organization_id', 'identity_token_file'];
const FEDERATION_OPTIONS = ['workspace_id', 'service_account_id'];

function checkAuth(path: Path, report: Report): void {
  const given = (keys: readonly string[]) => keys.filter((key) => report.has([...path, key]));
  const federation = given([...FEDERATION, ...FEDERATION_OPTIONS]);
  const kinds = [...given(['api_key', 'oauth_token']), ...federation.slice(0, 1)];
  if (kinds.length > 1)
    report.error(path, `holds ${kinds.join(' and ')}: exactly one is possible`, 'keep one of them');
  if (kinds.length === 0)
    report.error(
      path,
      'needs api_key or oauth_token, or federation_rule_id with what belongs to it',
      'add api_key: ${ANTHROPIC_API_KEY}',
    );
  const missing = FEDERATION.filter((key) => !federation.includes(key));
  if (federation.length === 0 || missing.length === 0 || kinds.length > 1) return;
  report.error(
    path,
    `needs ${missing.join(' and ')} beside ${federation[0]}`,
    'workload identity federation takes federation_rule_id, organization_id and identity_token_file',
  );
}
