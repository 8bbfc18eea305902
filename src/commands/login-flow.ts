import { parseFingerprint } from '../client/fingerprint.ts';
import { type GatewayUrl, parseGatewayUrl } from '../client/gateway-url.ts';
import { parseInternalNetworks } from '../client/internal-networks.ts';
import type { Machine } from '../client/machine.ts';
import type { ManagedSettings } from '../client/managed-settings-file.ts';
import { createOAuthClient, type OAuthClient, type TokenSet } from '../client/oauth-client.ts';
import { printable } from '../client/printable.ts';
import { fromTokens } from '../client/session.ts';
import { CodedError, withFacts } from '../kernel/coded-error.ts';
import { createDeveloper, type Developer } from './developer.ts';
import type { Host } from './host.ts';
import { approveInBrowser } from './login-browser.ts';
import { establishTrust } from './login-trust.ts';

export interface LoginOptions {
  readonly gatewayUrl?: string;
  /** False with --no-browser. */
  readonly browser?: boolean;
  readonly fingerprint?: string;
  readonly qr?: boolean;
  readonly yes?: boolean;
}

/**
 * Signs in: judges the gateway's network and certificate, runs the device flow, and keeps the session if the developer
 * recognises the account. Until then nothing is stored.
 */
export async function login(host: Host, options: LoginOptions, machine?: Machine): Promise<void> {
  const developer = createDeveloper(host, machine);
  const { gateway, expected } = readOptions(host, options, await developer.managedSettings());
  try {
    await signIn(host, options, developer, gateway, expected);
  } catch (error) {
    throw withFacts(error, { gateway: gateway.origin });
  }
}

async function signIn(
  host: Host,
  options: LoginOptions,
  developer: Developer,
  gateway: GatewayUrl,
  expected: string | undefined,
): Promise<void> {
  const { connection, host: checked } = await developer.reach(gateway);
  try {
    await establishTrust({
      host,
      gateway,
      connection,
      checked,
      expected,
      certificates: developer.certificates,
    });
    const oauth = createOAuthClient(connection);
    const tokens = await approveInBrowser({
      host,
      gateway,
      oauth,
      isBrowserWanted: options.browser !== false,
      isQrWanted: options.qr === true,
      openBrowser: developer.machine.openBrowser,
    });
    const account = printable(tokens.email ?? '') || 'an account that the gateway does not name';
    await keepOrEnd(oauth, tokens, async () => {
      await agree(host, account, options.yes === true);
      await store(host, developer, gateway, oauth, tokens);
    });
    host.stderr.write(`${host.colour.green('✓')} Signed in to ${gateway.origin} as ${account}\n`);
    host.stderr.write('Next: sallyport ask "hello", or sallyport run -- claude\n');
  } finally {
    await connection.close();
  }
}

/** Where to sign in and which certificate to expect; whatever is wrong with them is said before anything is connected. */
function readOptions(
  { env }: Pick<Host, 'env'>,
  options: LoginOptions,
  managed: ManagedSettings,
): { readonly gateway: GatewayUrl; readonly expected: string | undefined } {
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

/** A session that could not be kept, for whatever reason, is ended at the gateway. */
async function keepOrEnd(oauth: OAuthClient, tokens: TokenSet, keep: () => Promise<void>): Promise<void> {
  try {
    await keep();
  } catch (error) {
    await revokeQuietly(oauth, tokens.refreshToken ?? tokens.accessToken);
    throw error;
  }
}

/** Whoever approved the link decided the account: the developer says whether it is theirs. */
async function agree(host: Host, account: string, isAgreed: boolean): Promise<void> {
  if (isAgreed || !host.isInteractive) return;
  if (await host.confirm(`Signed in as ${account}. Keep this session?`, true)) return;
  throw new CodedError('sign_in_declined', { facts: { account } });
}

/** Stores the session and ends the one it replaces. */
async function store(
  { clock, interrupted }: Host,
  { credentials }: Developer,
  { origin }: GatewayUrl,
  oauth: OAuthClient,
  tokens: TokenSet,
): Promise<void> {
  const previous = await credentials.exclusively(origin, async () => {
    interrupted.throwIfAborted();
    // A stored session that cannot be read is replaced without being ended.
    const replaced = await credentials.read(origin).catch(() => undefined);
    const nowMs = clock.now();
    await credentials.save({
      gateway: origin,
      signedInAtMs: nowMs,
      ...fromTokens(tokens, { refreshToken: undefined, email: undefined }, nowMs),
    });
    return replaced;
  });
  if (previous) await revokeQuietly(oauth, previous.refreshToken ?? previous.accessToken);
}

/** A session nobody keeps ends by itself soon; failing to say so to the gateway is no reason to fail. */
async function revokeQuietly(oauth: OAuthClient, token: string): Promise<void> {
  await oauth.revoke(token).catch(() => undefined);
}
