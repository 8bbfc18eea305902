import type { Command } from 'commander';
import type { UnusableFile } from '../client/credentials.ts';
import { parseGatewayUrl } from '../client/gateway-url.ts';
import type { Machine } from '../client/machine.ts';
import { CodedError } from '../kernel/coded-error.ts';
import type { Developer, SignedIn } from './developer.ts';
import { endingFor, isUnsafe } from './exit-codes.ts';
import type { Host } from './host.ts';

interface LogoutOptions {
  readonly gatewayUrl?: string;
  readonly all?: boolean;
}

export function registerLogout(program: Command, host: Host, machine?: Machine): void {
  program
    .command('logout')
    .summary('end the session and forget it')
    .description('Revokes the session at the gateway, if it can be reached, and forgets it on this machine.')
    .option('--gateway-url <url>', 'the gateway (default: the one signed in to last)')
    .option('--all', 'every gateway')
    .addHelpText('after', '\nExample:\n  $ sallyport logout --all')
    .action((options: LogoutOptions) => logout(host, options, machine));
}

/**
 * Ends sessions and says of each whether the gateway confirmed. Being signed in nowhere is not an error. Throws what is
 * unsafe about a gateway (`certificate_changed` and its like), once every session is forgotten.
 */
export async function logout(host: Host, options: LogoutOptions, machine?: Machine): Promise<void> {
  if (options.all && options.gatewayUrl !== undefined) {
    throw new CodedError('bad_usage', { detail: '--all and --gateway-url exclude each other' });
  }
  const { createDeveloper } = await import('./developer.ts');
  const developer = createDeveloper(host, machine);
  const { sessions, files } = await chosen(host, developer, options);
  if (sessions.length + files.length === 0) host.stderr.write('Not signed in: nothing to do\n');
  const problems = [];
  for (const session of sessions) problems.push(await endSession(host, developer, session));
  for (const file of files) await discard(host, developer, file);
  const unsafe = problems.find(isUnsafe);
  if (unsafe) throw unsafe;
}

interface Chosen {
  readonly sessions: readonly SignedIn[];
  /** Files of sessions that cannot be used any more; they can only be deleted. */
  readonly files: readonly UnusableFile[];
}

/** Without options the gateway signed in to last; what cannot be used is meant when there is nothing else to mean. */
async function chosen(
  host: Host,
  { credentials, open }: Developer,
  { all, gatewayUrl }: LogoutOptions,
): Promise<Chosen> {
  const { sessions, unusable } = await credentials.list();
  if (all) return { sessions: sessions.map(open), files: unusable };
  if (gatewayUrl !== undefined) {
    const { origin } = parseGatewayUrl(gatewayUrl);
    const isMeant = ({ gateway }: { readonly gateway: string | undefined }) => gateway === origin;
    return { sessions: sessions.filter(isMeant).map(open), files: unusable.filter(isMeant) };
  }
  const [latest] = sessions;
  if (!latest) return { sessions: [], files: unusable };
  const { warnOfUnusable } = await import('./developer.ts');
  warnOfUnusable(host, unusable);
  return { sessions: [open(latest)], files: [] };
}

/** A file that others may have read or written is deleted unread. */
async function discard({ stderr }: Host, { credentials }: Developer, file: UnusableFile): Promise<void> {
  await credentials.discard(file);
  const whose = file.gateway === undefined ? 'a session' : `the session at ${file.gateway}`;
  stderr.write(
    `Deleted the file of ${whose}; the gateway has not ended it: ${endingFor(file.problem).sentence}\n`,
  );
  if (isUnsafe(file.problem)) {
    stderr.write("If somebody may have seen it, ask your gateway's operator to end the session there.\n");
  }
}

/**
 * The session is forgotten whatever the gateway says, and under its lock, so that no refresh brings it back. Resolves to
 * what kept the gateway from ending it.
 */
async function endSession(host: Host, { credentials }: Developer, session: SignedIn): Promise<unknown> {
  const { origin } = session.gateway;
  try {
    const problem = await credentials.exclusively(origin, async () => {
      const latest = (await credentials.read(origin)) ?? session.account;
      const found = await revoke(session, latest.refreshToken ?? latest.accessToken);
      await credentials.remove(origin);
      return found;
    });
    host.stderr.write(
      problem === undefined
        ? `Signed out of ${origin}: the gateway has ended the session, and it is forgotten here\n`
        : `Forgot the session at ${origin}, but the gateway has not ended it: ${endingFor(problem).sentence}\n`,
    );
    return problem;
  } finally {
    await session.close();
  }
}

/** Why the gateway could not confirm, or `undefined` when it did. */
async function revoke(session: SignedIn, token: string): Promise<unknown> {
  const { createOAuthClient } = await import('../client/oauth-client.ts');
  try {
    const isConfirmed = await createOAuthClient(await session.connect()).revoke(token);
    return isConfirmed ? undefined : new CodedError('command_failed', { detail: 'it did not confirm' });
  } catch (error) {
    return error;
  }
}
