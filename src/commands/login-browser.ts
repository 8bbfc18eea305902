import { hasBrowser, isOpenable } from '../client/browser.ts';
import { pollForTokens } from '../client/device-login.ts';
import type { GatewayUrl } from '../client/gateway-url.ts';
import type { DeviceGrant, OAuthClient, TokenSet } from '../client/oauth-client.ts';
import { printable } from '../client/printable.ts';
import type { Host } from './host.ts';

export interface BrowserStep {
  readonly host: Host;
  readonly gateway: GatewayUrl;
  readonly oauth: OAuthClient;
  readonly isBrowserWanted: boolean;
  readonly isQrWanted: boolean;
  readonly openBrowser: (link: string) => Promise<boolean>;
}

/** Asks for a code, shows it, opens the browser and waits. Throws what `authorizeDevice` and `pollForTokens` throw. */
export async function approveInBrowser(step: BrowserStep): Promise<TokenSet> {
  const { host, gateway, oauth } = step;
  const grant = await oauth.authorizeDevice(host.interrupted);
  const link = grant.verificationUriComplete ?? grant.verificationUri;
  host.stderr.write(`${grantLines(grant).join('\n')}\n`);
  await offerLink(step, link, gateway.origin);
  return waitForApproval(step, grant);
}

/** The code and the link, cleaned for the terminal. */
function grantLines(grant: DeviceGrant): readonly string[] {
  return [
    ...(grant.loginNotice ? [printable(grant.loginNotice), ''] : []),
    `Code  ${printable(grant.userCode)}`,
    `Link  ${printable(grant.verificationUriComplete ?? grant.verificationUri)}`,
    '',
    'Open the link, check that it shows the same code, and sign in.',
  ];
}

/** A link to another site is never opened nor made easy to open: a gateway has no reason to name one. */
async function offerLink(step: BrowserStep, link: string, origin: string): Promise<void> {
  const { host } = step;
  if (!isOpenable(link, origin)) {
    host.stderr.write(
      `${host.colour.yellow('Warning:')} the link does not lead to ${origin}, so it was not opened. ` +
        "Ask your gateway's operator before you use it.\n",
    );
    return;
  }
  if (step.isQrWanted) await showQrCode(host, link);
  if (!step.isBrowserWanted || !hasBrowser(host.platform, host.env)) return;
  if (!(await step.openBrowser(link)))
    host.stderr.write('No browser could be started; open the link yourself.\n');
}

async function showQrCode(host: Host, link: string): Promise<void> {
  const { renderUnicodeCompact } = await import('uqr');
  host.stderr.write(`${renderUnicodeCompact(link)}\n`);
}

async function waitForApproval({ host, oauth }: BrowserStep, grant: DeviceGrant): Promise<TokenSet> {
  const progress = host.progress('Waiting for the sign-in in your browser');
  let trouble = '';
  try {
    return await pollForTokens(oauth, grant, {
      clock: host.clock,
      signal: host.interrupted,
      onWait: (seconds) =>
        progress.update(`Waiting for the sign-in in your browser, ${timeLeft(seconds)} left${trouble}`),
      onReachable: (isReachable) => {
        trouble = isReachable ? '' : ' (the gateway does not answer; trying again)';
      },
    });
  } finally {
    progress.stop();
  }
}

/** Minutes and seconds as a clock shows them. */
function timeLeft(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
