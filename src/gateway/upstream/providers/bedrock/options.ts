import type { Secret } from '../../../../kernel/secret.ts';
import type { AwsCredentialOptions } from '../aws/credentials.ts';

export interface BedrockOptions {
  readonly region: string;
  /** Where the runtime API is: a FIPS or VPC endpoint. By default the region's own. */
  readonly baseUrl: string | undefined;
  readonly credential: AwsCredentialOptions;
  /** A role that requests are made in, with a session per developer; not with a bearer token. */
  readonly assumeRole: AssumeRoleOptions | undefined;
  /** A guardrail that every message passes; clients cannot name their own then. */
  readonly guardrail: GuardrailOptions | undefined;
  /** Further headers of the operator's. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface GuardrailOptions {
  /** Its id or ARN. */
  readonly id: string;
  /** A number, or `DRAFT`. */
  readonly version: string;
}

export interface AssumeRoleOptions {
  readonly roleArn: string;
  readonly externalId: Secret | undefined;
  /** The claim that names a developer's session; undefined: one session for all. */
  readonly sessionName: 'email' | 'sub' | undefined;
  /** Where STS is: `AWS_ENDPOINT_URL_STS`. By default the region's own. */
  readonly stsUrl: string | undefined;
  /** `AWS_USE_FIPS_ENDPOINT`: the default is the region's FIPS endpoint. */
  readonly useFips: boolean;
}
