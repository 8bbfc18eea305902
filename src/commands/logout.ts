import type { Command } from 'commander';
import type { Machine } from '../client/machine.ts';
import { CodedError, isCodedError } from '../kernel/coded-error.ts';
import type { Developer, SignedIn } from './developer.ts';
import { endingFor } from './exit-codes.ts';
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

/** Ends sessions and says of each whether the gateway confirmed. Being signed in nowhere is not an error. */
export async function logout(host: Host, options: LogoutOptions, machine?: Machine): Promise<void> {
  if (options.all && options.gatewayUrl !== undefined) {
    throw new CodedError('bad_usage', { detail: '--all and --gateway-url exclude each other' });
  }
  const { createDeveloper } = await import('./developer.ts');
  const developer = createDeveloper(host, machine);
  const sessions = await chosen(developer, options);
  if (sessions.length === 0) host.stderr.write('Not signed in: nothing to do\n');
  for (const session of sessions) await endSession(host, developer, session);
}

async function chosen(developer: Developer, options: LogoutOptions): Promise<readonly SignedIn[]> {
  if (options.all) return (await developer.credentials.list()).map(developer.open);
  try {
    return [await developer.signedIn(options.gatewayUrl)];
  } catch (error) {
    if (isCodedError(error, 'not_signed_in')) return [];
    throw error;
  }
}

/** The session is forgotten whatever the gateway says, and under its lock, so that no refresh brings it back. */
async function endSession(host: Host, { credentials }: Developer, session: SignedIn): Promise<void> {
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
        : `Forgot the session at ${origin}, but the gateway has not ended it: ${problem}\n`,
    );
  } finally {
    await session.close();
  }
}

/** Why the gateway could not confirm, or `undefined` when it did. */
async function revoke(session: SignedIn, token: string): Promise<string | undefined> {
  const { createOAuthClient } = await import('../client/oauth-client.ts');
  try {
    const isConfirmed = await createOAuthClient(await session.connect()).revoke(token);
    return isConfirmed ? undefined : 'it did not confirm';
  } catch (error) {
    return endingFor(error).sentence;
  }
}
