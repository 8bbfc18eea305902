import { CodedError } from '../../../../kernel/coded-error.ts';
import { escapeControl } from '../../../../kernel/log.ts';
import { type CredentialSource, createCredentialSource, type Lease } from '../../credential-source.ts';
import type { OutgoingRequest, ProviderParts } from '../../provider.ts';
import { type AwsAuthorisation, signedBy } from '../aws/authorisation.ts';
import type { AwsKeyOptions, AwsKeys } from '../aws/credentials.ts';
import { createKeySource } from '../aws/key-source.ts';
import { isStaleCode } from '../aws/messages.ts';
import type { SignerOptions } from '../aws/signer.ts';
import { createVendorHandler } from '../aws/vendor-handler.ts';
import type { AssumeRoleOptions } from './options.ts';
import { sessionName } from './session-name.ts';

const SESSION_SECONDS = 3_600;
const LONGEST_REASON = 500;
/** Developers whose keys are kept; beyond that those of the one who was away for longest are fetched again. */
const MOST_DEVELOPERS = 10_000;

/**
 * Signs with keys of a role, in a session per developer, so that AWS's own records say who asked. STS is asked once an hour
 * for each. Without such keys a request is not sent: never with the gateway's own.
 */
export function createAssumedRole(
  options: AssumeRoleOptions,
  own: AwsKeyOptions,
  place: SignerOptions,
  parts: ProviderParts,
  mostDevelopers: number = MOST_DEVELOPERS,
): AwsAuthorisation {
  const { clock, log } = parts;
  const ownKeys = createKeySource(own, place.region, parts);
  /** By session name; the one unused for longest comes first. */
  const sessions = new Map<string, CredentialSource<AwsKeys>>();

  const open = (session: string): CredentialSource<AwsKeys> =>
    createCredentialSource(
      { name: parts.name, load: () => assumeRole(options, session, ownKeys, place.region, parts) },
      { clock, log },
    );

  const sourceOf = ({ caller }: OutgoingRequest): CredentialSource<AwsKeys> => {
    const session = sessionName(options.sessionName, caller);
    if (session === undefined) throw withoutClaim(parts.name, options.sessionName);
    const source = sessions.get(session) ?? open(session);
    sessions.delete(session);
    sessions.set(session, source);
    const [oldest] = sessions.keys();
    if (sessions.size > mostDevelopers && oldest !== undefined) sessions.delete(oldest);
    return source;
  };

  return signedBy(sourceOf, place, parts);
}

/** Own keys that STS finds to be over are fetched anew, and STS is asked once more. */
async function assumeRole(
  options: AssumeRoleOptions,
  session: string,
  ownKeys: CredentialSource<AwsKeys>,
  region: string,
  parts: ProviderParts,
): Promise<Lease<AwsKeys>> {
  const ask = (keys: AwsKeys) => askSts(options, session, keys, region, parts);
  const own = await ownKeys.get();
  return ask(own)
    .catch(async (error: unknown) => {
      const mayHaveOthers = error instanceof Error && isStaleCode(error.name) && ownKeys.refused(own);
      if (!mayHaveOthers) throw error;
      return ask(await ownKeys.get());
    })
    .catch((error: unknown) => {
      throw new Error(refusalOf(error), { cause: error });
    });
}

/** Rejects with the vendor's error, whose name is STS's error code. */
async function askSts(
  { roleArn, externalId, stsUrl, useFips }: AssumeRoleOptions,
  session: string,
  own: AwsKeys,
  region: string,
  { fetch }: ProviderParts,
): Promise<Lease<AwsKeys>> {
  const { fromTemporaryCredentials } = await import('@aws-sdk/credential-providers');
  const load = fromTemporaryCredentials({
    masterCredentials: asVendorKeys(own),
    params: {
      RoleArn: roleArn,
      RoleSessionName: session,
      DurationSeconds: SESSION_SECONDS,
      ...(externalId ? { ExternalId: externalId.reveal() } : {}),
    },
    clientConfig: {
      region,
      requestHandler: createVendorHandler(fetch),
      maxAttempts: 1,
      ...(stsUrl === undefined ? {} : { endpoint: stsUrl }),
      ...(useFips ? { useFipsEndpoint: true } : {}),
    },
  });
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = await load();
  return { value: { accessKeyId, secretAccessKey, sessionToken }, expiresAtMs: expiration?.getTime() };
}

function asVendorKeys({ accessKeyId, secretAccessKey, sessionToken }: AwsKeys) {
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}

/** STS names who may not do what, and no secrets. */
function refusalOf(error: unknown): string {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  return `AssumeRole failed: ${escapeControl(`${name}: ${message}`).slice(0, LONGEST_REASON)}`;
}

function withoutClaim(name: string, claim: string | undefined): CodedError {
  const detail = `no credential for upstream ${name}: the developer has no ${claim} for assume_role.session_name`;
  return new CodedError('upstream_credentials', { detail });
}
