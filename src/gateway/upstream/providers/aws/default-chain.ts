import type { Clock } from '../../../../kernel/clock.ts';
import { escapeControl } from '../../../../kernel/log.ts';
import type { GuardedFetch } from '../../../exchange.ts';
import type { Lease } from '../../credential-source.ts';
import { describe } from '../../failure-log.ts';
import { inTime } from '../vendor-wait.ts';
import type { AwsKeys } from './credentials.ts';
import { createVendorHandler } from './vendor-handler.ts';

export interface ChainParts {
  readonly fetch: GuardedFetch;
  readonly clock: Clock;
}

/** A `credential_process` may ask somebody's single sign-on. */
const LONGEST_LOAD_MS = 30_000;
const CHAIN = 'the AWS credential chain';
const LONGEST_REASON = 300;
const NO_JSON = 'an answer that is not JSON';

/**
 * Keys from the environment, the shared files (single sign-on and `credential_process` included), a web identity, the
 * container's or the machine's role, whichever is first. Each call asks anew, so that rotated files are seen.
 */
export async function loadDefaultChain(
  region: string,
  { fetch, clock }: ChainParts,
): Promise<Lease<AwsKeys>> {
  const chain = await import('@aws-sdk/credential-providers');
  const reasons: string[] = [];
  const options = {
    ignoreCache: true,
    logger: collecting(reasons),
    clientConfig: { region, requestHandler: createVendorHandler(fetch), maxAttempts: 2 },
  };
  // The vendor's tools let keys in the environment win over AWS_PROFILE; its Node library alone does not.
  const load = chain.createCredentialChain(chain.fromEnv(), chain.fromNodeProviderChain(options));
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = await inTime(
    load(),
    CHAIN,
    LONGEST_LOAD_MS,
    clock,
  ).catch((error: unknown) => {
    throw new Error(explained(error, reasons));
  });
  return { value: { accessKeyId, secretAccessKey, sessionToken }, expiresAtMs: expiration?.getTime() };
}

/** The links of the chain say why they have nothing as debug lines, and nowhere else. */
function collecting(reasons: string[]) {
  const ignore = (): void => undefined;
  return {
    debug(...words: readonly unknown[]) {
      const [, reason] = /^@smithy\/property-provider (?:->|\(!\)) (.+)/.exec(String(words[0])) ?? [];
      if (reason !== undefined) reasons.push(harmless(reason));
    },
    trace: ignore,
    info: ignore,
    warn: ignore,
    error: ignore,
  };
}

function explained(error: unknown, reasons: readonly string[]): string {
  if (error instanceof SyntaxError) return NO_JSON;
  const what = harmless(describe(error));
  // An error of the vendor's services, named by its code.
  if (error instanceof Error && '$fault' in error) return `${error.name}: ${what}`;
  const others = [...new Set(reasons)].filter((reason) => reason !== what);
  return others.length === 0 ? what : `${what} (${others.join('; ')})`;
}

/** One line, without the words of a command and of what it printed, which may be anything. */
function harmless(message: string): string {
  const [line = ''] = message.split('\n');
  if (line.startsWith('Command failed')) return 'credential_process failed';
  if (/\bJSON\b/.test(line)) return NO_JSON;
  return escapeControl(line.replace(/\.$/, '')).slice(0, LONGEST_REASON);
}
