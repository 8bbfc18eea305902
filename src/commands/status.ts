import type { Command } from 'commander';
import type { UnusableFile } from '../client/credentials.ts';
import type { Cap, Usage } from '../client/gateway-api.ts';
import type { Machine } from '../client/machine.ts';
import { CodedError } from '../kernel/coded-error.ts';
import type { Developer, SignedIn } from './developer.ts';
import { endingFor, isUnsafe } from './exit-codes.ts';
import type { Host } from './host.ts';

interface StatusOptions {
  readonly gatewayUrl?: string;
}

export function registerStatus(program: Command, host: Host, machine?: Machine): void {
  program
    .command('status')
    .summary('show where you are signed in, as whom, and your caps')
    .description(
      'Shows every gateway with a session: account, groups, session end, certificate and spending caps.',
    )
    .option('--gateway-url <url>', 'only this gateway')
    .addHelpText('after', '\nExample:\n  $ sallyport status --json')
    .action((options: StatusOptions) => status(host, options, machine));
}

/** What is known of one session; what only the gateway knows is asked of it, and `problem` says when it cannot be. */
export interface GatewayStatus {
  readonly gateway: string;
  readonly account: string | undefined;
  readonly groups: readonly string[];
  readonly tokenExpiresAt: string;
  readonly isRenewable: boolean;
  readonly fingerprint: string | undefined;
  readonly usage: Usage | undefined;
  readonly problem: string | undefined;
}

/**
 * Throws `not_signed_in` when there is no session to show, and, when everything is shown, what is unsafe about a gateway
 * or a file (`certificate_changed` and its like): a gateway that merely does not answer is no reason to fail.
 */
export async function status(host: Host, { gatewayUrl }: StatusOptions, machine?: Machine): Promise<void> {
  const { createDeveloper, warnOfUnusable } = await import('./developer.ts');
  const developer = createDeveloper(host, machine);
  const { sessions, unusable } = await chosen(developer, gatewayUrl);
  if (sessions.length + unusable.length === 0) throw new CodedError('not_signed_in');
  const described = await Promise.all(sessions.map((session) => describe(developer, session)));
  const all = described.map(({ shown }) => shown);
  host.stdout.write(
    host.options.json ? asJson(all, unusable) : all.map((one) => asText(one, host)).join('\n'),
  );
  const failure = failureOf(described, unusable);
  warnOfUnusable(
    host,
    unusable.filter(({ problem }) => problem !== failure),
  );
  if (failure) throw failure;
}

async function chosen(developer: Developer, gatewayUrl: string | undefined) {
  if (gatewayUrl !== undefined) return { sessions: [await developer.signedIn(gatewayUrl)], unusable: [] };
  const { sessions, unusable } = await developer.credentials.list();
  return { sessions: sessions.map(developer.open), unusable };
}

/** What is unsafe comes first; a file that makes no sense is a failure only where there is no other. */
function failureOf(described: readonly Described[], unusable: readonly UnusableFile[]): unknown {
  const problems = unusable.map(({ problem }) => problem);
  const unsafe = [...described.map(({ error }) => error), ...problems].find(isUnsafe);
  return unsafe ?? (described.length === 0 ? problems[0] : undefined);
}

interface Described {
  readonly shown: GatewayStatus;
  /** Why the gateway could not be asked. */
  readonly error: unknown;
}

async function describe({ certificates, credentials }: Developer, session: SignedIn): Promise<Described> {
  const [{ readTokenClaims }, { printable }] = await Promise.all([
    import('../client/token-claims.ts'),
    import('../client/printable.ts'),
  ]);
  const { origin, hostname, isHttps } = session.gateway;
  try {
    const [asked, trusted] = await Promise.all([
      attempt(() => session.api.usage()),
      attempt(async () => (isHttps ? certificates.find(hostname) : undefined)),
    ]);
    const error = asked.error ?? trusted.error;
    const account = (await credentials.read(origin)) ?? session.account;
    const claims = readTokenClaims(account.accessToken);
    const shown = {
      gateway: origin,
      account: account.email === undefined ? claims.email : printable(account.email),
      groups: claims.groups,
      tokenExpiresAt: new Date(account.expiresAtMs).toISOString(),
      isRenewable: account.refreshToken !== undefined,
      fingerprint: trusted.value,
      usage: asked.value,
      problem: error === undefined ? undefined : endingFor(error).sentence,
    };
    return { shown, error };
  } finally {
    await session.close();
  }
}

interface Attempt<T> {
  readonly value: T | undefined;
  readonly error: unknown;
}

async function attempt<T>(work: () => Promise<T>): Promise<Attempt<T>> {
  try {
    return { value: await work(), error: undefined };
  } catch (error) {
    return { value: undefined, error };
  }
}

function asJson(all: readonly GatewayStatus[], unusable: readonly UnusableFile[]): string {
  const gateways = all.map((one) => ({
    gateway: one.gateway,
    account: one.account ?? null,
    groups: one.groups,
    token_expires_at: one.tokenExpiresAt,
    renewable: one.isRenewable,
    fingerprint: one.fingerprint ?? null,
    caps:
      one.usage?.caps.map(({ period, percent, resetsAt }) => ({ period, percent, resets_at: resetsAt })) ??
      null,
    problem: one.problem ?? null,
  }));
  const unusable_files = unusable.map(({ path, problem }) => ({
    path,
    problem: endingFor(problem).sentence,
  }));
  return `${JSON.stringify({ gateways, unusable_files }, null, 2)}\n`;
}

function asText(one: GatewayStatus, { colour, clock }: Host): string {
  const isOver = Date.parse(one.tokenExpiresAt) <= clock.now();
  const end = `${isOver ? 'ended' : 'until'} ${minute(one.tokenExpiresAt)}`;
  const rows: [label: string, text: string][] = [
    ['Account', one.account ?? '(the gateway names none)'],
    ['Groups', one.groups.join(', ') || '(none)'],
    ['Session', one.isRenewable ? `${end}, renews by itself` : end],
    ...(one.fingerprint ? [['Certificate', one.fingerprint.slice(0, 16)] as [string, string]] : []),
    ...(one.usage?.caps ?? []).map((cap): [string, string] => [`${capitalised(cap.period)} cap`, bar(cap)]),
    ...(one.problem ? [['Gateway', colour.yellow(one.problem)] as [string, string]] : []),
  ];
  return [colour.bold(one.gateway), ...rows.map(([label, text]) => `  ${label.padEnd(12)} ${text}`), ''].join(
    '\n',
  );
}

const BAR_WIDTH = 20;

/** How full a cap is, at a glance and in figures. */
export function bar({ percent, resetsAt }: Cap): string {
  const filled = Math.round((Math.min(Math.max(percent, 0), 100) / 100) * BAR_WIDTH);
  return `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)} ${percent} %, resets ${minute(resetsAt)}`;
}

/** A time to the minute, in UTC; what is no time stays as it is. */
function minute(time: string): string {
  const parsed = new Date(time);
  return Number.isNaN(parsed.getTime()) ? time : `${parsed.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
