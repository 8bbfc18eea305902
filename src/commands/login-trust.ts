import { decideTrust, type Fingerprint, shortFingerprint } from '../client/fingerprint.ts';
import type { GatewayConnection, PresentedCertificate } from '../client/gateway-connection.ts';
import type { GatewayUrl } from '../client/gateway-url.ts';
import { printable } from '../client/printable.ts';
import type { CheckedHost } from '../client/private-network.ts';
import type { TrustedCertificates } from '../client/trusted-certificates.ts';
import { CodedError } from '../kernel/coded-error.ts';
import type { Host } from './host.ts';

export interface TrustStep {
  readonly host: Host;
  readonly gateway: GatewayUrl;
  readonly connection: GatewayConnection;
  readonly checked: CheckedHost;
  /** From `--fingerprint`. */
  readonly expected: Fingerprint | undefined;
  readonly certificates: TrustedCertificates;
}

/**
 * Looks at the gateway's certificate and asks about one that is new or has changed, before anything is sent. From then
 * on the connection accepts that certificate only. Throws `trust_declined` and what `decideTrust` throws.
 */
export async function establishTrust(step: TrustStep): Promise<void> {
  const { host, gateway, connection, expected, certificates } = step;
  if (!gateway.isHttps) return;
  const presented = await connection.inspectCertificate();
  const known = await certificates.find(gateway.hostname);
  const decision = decideTrust({
    host: gateway.hostname,
    gateway: gateway.origin,
    presented: presented.fingerprint,
    known,
    expected,
    canAsk: host.isInteractive,
  });
  if (decision.kind === 'ask') await askForTrust(step, presented, decision.previous);
  if (presented.fingerprint !== known) await certificates.remember(gateway.hostname, presented.fingerprint);
  connection.pin(presented.fingerprint);
}

async function askForTrust(
  { host, gateway, checked }: TrustStep,
  presented: PresentedCertificate,
  previous: Fingerprint | undefined,
): Promise<void> {
  host.stderr.write(`${certificateLines(gateway, checked, presented).join('\n')}\n`);
  if (previous === undefined) {
    host.stderr.write("Compare the fingerprint with the one that your gateway's operator publishes.\n");
  } else {
    const old = shortFingerprint(previous);
    const fresh = shortFingerprint(presented.fingerprint);
    host.stderr.write(
      `${host.colour.red('Warning: this is not the certificate you trusted before.')}\n` +
        `  old ${old}\n  new ${fresh}\n` +
        "Go on only if your gateway's operator has told you that it was renewed.\n",
    );
  }
  const question = previous === undefined ? 'Trust this gateway?' : 'Trust the new certificate?';
  if (!(await host.confirm(question, false))) {
    throw new CodedError('trust_declined', { facts: { host: gateway.hostname } });
  }
}

/** What a developer compares with what the operator publishes. */
function certificateLines(
  gateway: GatewayUrl,
  { addresses, internal }: CheckedHost,
  presented: PresentedCertificate,
): readonly string[] {
  return [
    `Gateway      ${gateway.hostname}`,
    `Address      ${addresses.join(', ')}`,
    ...(internal
      ? [`Network      ${internal.network.cidr}, declared internal; this machine is ${internal.ownAddress}`]
      : []),
    `Issuer       ${printable(presented.issuer.replaceAll('\n', ', '))}`,
    `Valid        ${printable(presented.validFrom)} to ${printable(presented.validTo)}`,
    `Fingerprint  ${shortFingerprint(presented.fingerprint)}`,
  ];
}
