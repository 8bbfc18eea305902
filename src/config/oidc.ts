// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { z } from 'zod';
import { checkClientAssertion, clientAssertionShape } from './client-assertion.ts';
import {
  certificates,
  choice,
  claim,
  emailDomain,
  flag,
  group,
  httpUrl,
  listOf,
  origin,
  secretText,
  text,
  whole,
} from './fields.ts';
import type { Valid } from './read-shape.ts';
import type { Report } from './report.ts';

/** Parameters of the authorization request that are the gateway's own; PKCE's among them. */
const OWN_PARAMETERS = [
  'client_id',
  'code_challenge',
  'code_challenge_method',
  'code_verifier',
  'nonce',
  'redirect_uri',
  'response_mode',
  'response_type',
  'scope',
  'state',
];

const googleGroupsShape = z
  .strictObject({
    service_account_json_path: text('the path of a JSON key file').meta({
      title: 'Service account',
      description: 'Path of the key file of a service account with domain-wide delegation.',
      examples: ['/run/secrets/google-directory.json'],
    }),
    admin_email: text('the email address of an administrator').meta({
      title: 'Administrator',
      description: 'The administrator in whose name the directory is read.',
      examples: ['directory-reader@example.com'],
    }),
  })
  .meta({ title: 'Google groups', description: "Reads a person's groups from Google's directory." });

const scope = () =>
  text('a scope').refine((value) => !/\s/.test(value), { error: 'must be one scope, without blanks' });

const loginNotice = () =>
  text('a text of at most 500 characters').refine((value) => [...value].length <= 500, {
    error: 'must be a text of at most 500 characters',
  });

export const oidcShape = z
  .strictObject({
    issuer: httpUrl().meta({
      title: 'Issuer',
      description: 'The identity provider, exactly as it names itself in its discovery document.',
      examples: ['https://login.example.com'],
    }),
    client_id: text('the client id that the identity provider gave').meta({
      title: 'Client id',
      description: 'The id under which the gateway is registered.',
      examples: ['${OIDC_CLIENT_ID}'],
    }),
    client_secret: secretText('the secret that the identity provider gave')
      .optional()
      .meta({
        title: 'Client secret',
        description:
          'Required unless token_endpoint_auth_method is private_key_jwt, and not allowed with it.',
        examples: ['${OIDC_CLIENT_SECRET}'],
      }),
    token_endpoint_auth_method: choice('client_secret_basic', 'client_secret_post', 'private_key_jwt')
      .optional()
      .meta({
        title: 'Authentication',
        description: 'How the gateway authenticates at the provider. By default what the provider announces.',
      }),
    client_assertion: clientAssertionShape.optional(),
    allowed_email_domains: listOf(emailDomain(), 'email domains')
      .optional()
      .meta({
        title: 'Email domains',
        description:
          'Who may sign in, by what follows the last @ of the email address. By default everybody.',
        examples: [['example.com']],
      }),
    allowed_groups: listOf(group(), 'groups')
      .optional()
      .meta({
        title: 'Groups',
        description:
          'Who may sign in, by group; exact and case-sensitive, one is enough. By default everybody.',
        examples: [['claude-users']],
      }),
    groups_claim: claim()
      .default('groups')
      .meta({
        title: 'Groups claim',
        description: 'The claim that holds the groups: a name or an RFC 6901 pointer.',
        examples: ['groups', '/realm_access/roles'],
      }),
    google_groups: googleGroupsShape.optional(),
    email_claim: z
      .union([claim(), listOf(claim(), 'claims').min(1, { error: 'must name at least one claim' })], {
        error: 'must be the name of a claim or a list of names',
      })
      .default('email')
      .meta({
        title: 'Email claim',
        description: 'The claim that holds the email address; of a list the first that is present.',
        examples: ['email', ['email', 'preferred_username']],
      }),
    scopes: listOf(scope(), 'scopes').default(['openid', 'profile', 'email', 'offline_access']).meta({
      title: 'Scopes',
      description:
        'What the gateway asks for. Must hold openid; without offline_access sessions cannot be renewed.',
    }),
    scope_on_refresh: flag().default(false).meta({
      title: 'Scopes at refresh',
      description: 'Repeat the scopes at a refresh; some providers leave the id_token out otherwise.',
    }),
    extra_auth_params: z
      .record(
        z.string(),
        z
          .union([z.string(), z.number(), z.boolean()], { error: 'must be a string' })
          .transform((value) => String(value))
          .meta({ secret: true }),
        { error: 'must be a map from parameter to value' },
      )
      .default({})
      .meta({
        title: 'Further parameters',
        description: 'Further parameters of the authorization request.',
        examples: [{ access_type: 'offline', prompt: 'consent' }],
      }),
    userinfo_fallback: flag().default(false).meta({
      title: 'Userinfo',
      description: 'Ask the userinfo endpoint when the email or groups claim is missing.',
    }),
    use_pkce: flag().default(true).meta({ title: 'PKCE', description: 'Send a PKCE challenge (S256).' }),
    clock_skew_seconds: whole(0, 3_600).default(0).meta({
      title: 'Clock skew',
      description: "How far the provider's clock may be off.",
    }),
    id_token_signed_response_alg: choice('RS256', 'ES256', 'PS256', 'EdDSA').default('RS256').meta({
      title: 'Signature',
      description: 'The algorithm that the provider signs id_tokens with.',
    }),
    additional_authorized_parties: listOf(text(), 'client ids')
      .default([])
      .meta({ title: 'Authorized parties', description: 'Further values accepted in azp.' }),
    discovery_url: httpUrl()
      .refine((value) => new URL(value).pathname.includes('/.well-known/'), {
        error: 'must be a URL whose path holds /.well-known/',
      })
      .optional()
      .meta({
        title: 'Discovery URL',
        description: 'Where the discovery document is, when it is not below the issuer.',
        examples: ['https://login.example.com/custom/.well-known/openid-configuration'],
      }),
    use_proxy: flag().optional().meta({
      title: 'Use the proxy',
      description: 'Reach the provider through the HTTP proxy of the environment. Unset: directly.',
    }),
    form_action_origins: listOf(origin(), 'origins')
      .default([])
      .meta({
        title: 'Form targets',
        description: "Further origins that the sign-in form may lead to, beside the provider's own.",
        examples: [['https://sso.example.com']],
      }),
    ca_cert_pem: certificates()
      .optional()
      .meta({
        title: 'Certificate authority',
        description:
          'PEM text of the authorities that are trusted instead of the usual ones, for the provider only.',
        examples: ['${file:/etc/ssl/corp-ca.pem}'],
      }),
    login_notice: loginNotice()
      .optional()
      .meta({
        title: 'Notice',
        description: 'Shown to people who sign in, at most 500 characters.',
        examples: ['Use is recorded. Questions: #claude-help'],
      }),
  })
  .meta({ title: 'Identity provider', description: "The organisation's OpenID Connect provider." });

type Oidc = Valid<z.output<typeof oidcShape>>;

export function checkOidc(oidc: Oidc | undefined, report: Report): void {
  if (!oidc) return;
  checkAuthentication(oidc, report);
  checkScopes(oidc, report);
  for (const name of Object.keys(oidc.extra_auth_params ?? {})) {
    if (OWN_PARAMETERS.includes(name.toLowerCase()))
      report.error(['oidc', 'extra_auth_params', name], 'is set by the gateway itself', 'remove it');
  }
  for (const key of ['allowed_email_domains', 'allowed_groups'] as const) {
    if (oidc[key]?.length === 0)
      report.warning(
        ['oidc', key],
        'is empty: nobody can sign in',
        'name who may, or remove the key for everybody',
      );
  }
  if (oidc.issuer?.startsWith('http:'))
    report.warning(
      ['oidc', 'issuer'],
      'is plain http: tokens and the client secret travel unencrypted; that is for test set-ups',
      'use https',
    );
}

function checkAuthentication(oidc: Oidc, report: Report): void {
  const method = oidc.token_endpoint_auth_method;
  const hasSecret = report.has(['oidc', 'client_secret']);
  const hasAssertion = report.has(['oidc', 'client_assertion']);
  if (method === 'private_key_jwt') {
    if (hasSecret)
      report.error(
        ['oidc', 'client_secret'],
        'is not possible with token_endpoint_auth_method: private_key_jwt',
        'remove it, or the method and client_assertion',
      );
    if (!hasAssertion)
      report.error(
        ['oidc', 'client_assertion'],
        'is required with token_endpoint_auth_method: private_key_jwt',
        'add client_assertion: with private_key_pem and certificate_pem',
      );
    checkClientAssertion(oidc.client_assertion, report);
    return;
  }
  // A method that is not valid has been reported; what it needs is not known.
  if (method === undefined && report.has(['oidc', 'token_endpoint_auth_method'])) return;
  if (hasAssertion)
    report.error(
      ['oidc', 'client_assertion'],
      'is used only with token_endpoint_auth_method: private_key_jwt',
      'set that method, or remove client_assertion',
    );
  else if (!hasSecret)
    report.error(
      ['oidc', 'client_secret'],
      'is required unless token_endpoint_auth_method is private_key_jwt',
      'add client_secret: ${OIDC_CLIENT_SECRET}',
    );
}

function checkScopes({ scopes, extra_auth_params: parameters }: Oidc, report: Report): void {
  // Where an entry is not valid it may be the one that is looked for.
  if (!scopes || scopes.includes(undefined)) return;
  if (!scopes.includes('openid'))
    report.error(['oidc', 'scopes'], 'must hold openid', 'add openid to the list');
  if (!scopes.includes('offline_access') && parameters?.['access_type'] !== 'offline')
    report.warning(
      ['oidc', 'scopes'],
      'lacks offline_access: without a refresh token everybody signs in again when session.ttl_hours is over',
      'add offline_access (Google: extra_auth_params: { access_type: offline })',
    );
}
