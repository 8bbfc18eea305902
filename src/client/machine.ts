import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { getCACertificates } from 'node:tls';
import { openBrowser } from './browser.ts';
import { managedSettingsPath } from './managed-settings-file.ts';
import type { NetworkView } from './private-network.ts';

/** What signing in needs of the developer's machine beyond its files, so that a test can be another machine. */
export interface Machine extends NetworkView {
  /** PEM certificates of the authorities that may vouch for a gateway. */
  certificateAuthorities(): readonly string[];
  readonly managedSettingsPath: string;
  /** Whether a user may write the managed settings. */
  isAdministrator(uid: number): boolean;
  /** Resolves to whether a browser was started. */
  openBrowser(link: string): Promise<boolean>;
}

/**
 * The machine this process runs on. Authorities are the operating system's and those in NODE_EXTRA_CA_CERTS, read when
 * first asked for; Node's bundled ones do not count.
 */
export function createMachine(
  platform: NodeJS.Platform,
  env: Readonly<Record<string, string | undefined>>,
): Machine {
  return {
    async resolve(hostname) {
      const answers = await lookup(hostname, { all: true });
      return answers.map(({ address }) => address);
    },
    ownAddressToward,
    certificateAuthorities: () => [
      ...new Set([...getCACertificates('system'), ...getCACertificates('extra')]),
    ],
    managedSettingsPath: managedSettingsPath(platform),
    isAdministrator: (uid) => uid === 0,
    openBrowser: (link) => openBrowser(platform, env, link),
  };
}

/** Asks the routing table by connecting a datagram socket, which sends nothing. */
function ownAddressToward(address: string): Promise<string> {
  const socket = createSocket(isIP(address) === 6 ? 'udp6' : 'udp4');
  return new Promise<string>((resolve, reject) => {
    socket.once('error', reject);
    socket.connect(9, address, () => resolve(socket.address().address));
  }).finally(() => socket.close());
}
