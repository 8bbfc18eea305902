import type { Command } from 'commander';
import type { GatewayUrl } from '../client/gateway-url.ts';
import type { Machine } from '../client/machine.ts';
import type { ManagedSettings } from '../client/managed-settings-file.ts';
import type { OAuthClient, TokenSet } from '../client/oauth-client.ts';
import { CodedError } from '../kernel/coded-error.ts';
import type { Developer } from './developer.ts';
import type { Host } from './host.ts';

export interface LoginOptions {
  readonly gatewayUrl?: string;
  /** False with --no-browser. */
  readonly browser?: boolean;
  readonly fingerprint?: string;
  readonly qr?: boolean;
  readonly yes?: boolean;
}

export function registerLogin(program: Command, host: Host, machine?: Machine): void {
  program
    .command('login')
    .summary('sign in to a gateway')
    .description('Signs in to a gateway in your browser and keeps the session on this machine.')
    .option('--gateway-url <url>', 'the gateway (default: SALLYPORT_GATEWAY_URL, then the managed settings)')
    .option('--no-browser', 'only print the link')
    .option('--fingerprint <hex>', "the certificate's SHA-256 fingerprint, 16 or 64 hex digits")
    .option('--qr', 'show the link as a QR code as well')
    .option('--yes', 'keep the session without asking about the account')
    .addHelpText('after', '\nExample:\n  $ sallyport login --gateway-url https://gateway.example.com')
    .action((options: LoginOptions) => login(host, options, machine));
}

/**
 * Signs in: judges the gateway's network and certificate, runs the device flow, and keeps the session if the developer
 * recognises the account. Until then nothing is stored.
 */
export async function login(host: Host, options: LoginOptions, machine?: Machine): Promise<void> {
  const { createDeveloper } = await import('./developer.ts');
  const developer = createDeveloper(host, machine);
  const { gateway, expected } = await readOptions(host, options, await developer.managedSettings());
  const { connection, host: checked } = await developer.reach(gateway);
  try {
    const { establishTrust } = await import('./login-trust.ts');
    await establishTrust({
      host,
      gateway,
      connection,
      checked,
      expected,
      certificates: developer.certificates,
    });
    const { createOAuthClient } = await import('../client/oauth-client.ts');
    const oauth = createOAuthClient(connection);
    const { approveInBrowser } = await import('./login-browser.ts');
    const tokens = await approveInBrowser({
      host,
      gateway,
      oauth,
      isBrowserWanted: options.browser !== false,
      isQrWanted: options.qr === true,
      openBrowser: developer.machine.openBrowser,
    });
    await keepSession(host, developer, gateway, oauth, tokens, options.yes === true);
  } finally {
    await connection.close();
  }
}

/** Where to sign in and which certificate to expect; whatever is wrong with them is said before anything is connected. */
export async function readOptions(
  { env }: Pick<Host, 'env'>,
  options: LoginOptions,
  managed: ManagedSettings,
): Promise<{ readonly gateway: GatewayUrl; readonly expected: string | undefined }> {
  const [{ parseGatewayUrl }, { parseFingerprint }, { parseInternalNetworks }] = await Promise.all([
    import('../client/gateway-url.ts'),
    import('../client/fingerprint.ts'),
    import('../client/internal-networks.ts'),
  ]);
  const url = options.gatewayUrl || env['SALLYPORT_GATEWAY_URL'] || managed.gatewayUrl;
  if (!url) throw new CodedError('bad_usage', { detail: whyNoUrl(managed) });
  // A wrong declaration refuses every new sign-in, so that its mistake is noticed.
  parseInternalNetworks(managed.internalNetworks);
  const gateway = parseGatewayUrl(url);
  const expected = options.fingerprint === undefined ? undefined : parseFingerprint(options.fingerprint);
  if (expected !== undefined && !gateway.isHttps) {
    throw new CodedError('bad_usage', {
      detail: '--fingerprint is for https://; http:// has no certificate',
    });
  }
  return { gateway, expected };
}

function whyNoUrl({ requiresGateway }: ManagedSettings): string {
  return requiresGateway
    ? 'The managed settings of this machine require a gateway but do not name one; ask its administrator'
    : 'Which gateway? Give --gateway-url https://… or set SALLYPORT_GATEWAY_URL';
}

/** Whoever approved the link decides the account: unless the developer recognises it, the session is revoked. */
async function keepSession(
  host: Host,
  { credentials }: Developer,
  { origin }: GatewayUrl,
  oauth: OAuthClient,
  tokens: TokenSet,
  isAgreed: boolean,
): Promise<void> {
  const { printable } = await import('../client/printable.ts');
  const account = printable(tokens.email ?? '') || 'an account that the gateway does not name';
  let isKept = false;
  try {
    isKept =
      isAgreed ||
      !host.isInteractive ||
      (await host.confirm(`Signed in as ${account}. Keep this session?`, true));
    host.interrupted.throwIfAborted();
  } catch (error) {
    isKept = false;
    throw error;
  } finally {
    if (!isKept) await revokeQuietly(oauth, tokens.refreshToken ?? tokens.accessToken);
  }
  if (!isKept) throw new CodedError('sign_in_declined', { facts: { account } });

  const nowMs = host.clock.now();
  const previous = await credentials.exclusively(origin, async () => {
    // One that cannot be read is replaced, not kept.
    const replaced = await credentials.read(origin).catch(() => undefined);
    await credentials.save({
      gateway: origin,
      email: tokens.email,
      accessToken: tokens.accessToken,
      expiresAtMs: nowMs + tokens.expiresInSeconds * 1000,
      refreshToken: tokens.refreshToken,
      signedInAtMs: nowMs,
    });
    return replaced;
  });
  if (previous) await revokeQuietly(oauth, previous.refreshToken ?? previous.accessToken);
  host.stderr.write(`${host.colour.green('✓')} Signed in to ${origin} as ${account}\n`);
  host.stderr.write('Next: sallyport ask "hello", or sallyport run -- claude\n');
}

/** A session nobody keeps ends by itself soon; failing to say so to the gateway is no reason to fail. */
async function revokeQuietly(oauth: OAuthClient, token: string): Promise<void> {
  await oauth.revoke(token).catch(() => undefined);
}
