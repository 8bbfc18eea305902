import type { Command } from 'commander';
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
 * (`certificate_changed` and its like): one that merely does not answer is no reason to fail.
 */
export async function status(host: Host, { gatewayUrl }: StatusOptions, machine?: Machine): Promise<void> {
  const { createDeveloper } = await import('./developer.ts');
  const developer = createDeveloper(host, machine);
  const sessions =
    gatewayUrl === undefined
      ? (await developer.credentials.list()).map(developer.open)
      : [await developer.signedIn(gatewayUrl)];
  if (sessions.length === 0) throw new CodedError('not_signed_in');
  const described = await Promise.all(sessions.map((session) => describe(developer, session)));
  const all = described.map(({ shown }) => shown);
  host.stdout.write(host.options.json ? asJson(all) : all.map((one) => asText(one, host)).join('\n'));
  const unsafe = described.find(({ error }) => isUnsafe(error));
  if (unsafe) throw unsafe.error;
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
    const { usage, error } = await ask(session);
    const account = (await credentials.read(origin)) ?? session.account;
    const claims = readTokenClaims(account.accessToken);
    const shown = {
      gateway: origin,
      account: account.email === undefined ? claims.email : printable(account.email),
      groups: claims.groups,
      tokenExpiresAt: new Date(account.expiresAtMs).toISOString(),
      isRenewable: account.refreshToken !== undefined,
      fingerprint: isHttps ? await certificates.find(hostname) : undefined,
      usage,
      problem: error === undefined ? undefined : endingFor(error).sentence,
    };
    return { shown, error };
  } finally {
    await session.close();
  }
}

async function ask({ api }: SignedIn): Promise<Pick<GatewayStatus, 'usage'> & Pick<Described, 'error'>> {
  try {
    return { usage: await api.usage(), error: undefined };
  } catch (error) {
    return { usage: undefined, error };
  }
}

function asJson(all: readonly GatewayStatus[]): string {
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
  return `${JSON.stringify({ gateways }, null, 2)}\n`;
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
