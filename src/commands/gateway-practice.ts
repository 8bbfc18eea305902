import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type CheckInputs, checkConfig } from '../config/check.ts';
import { type LoadedConfig, loadConfig, readConfig, readSecretFile } from '../config/load.ts';
import { writtenKeys } from '../config/written-keys.ts';
import { closePractice, type PracticePlan, planPractice, startPractice } from '../gateway/doors/practice.ts';
import { openPracticeFolder, type PracticeFolder } from '../gateway/doors/practice-folder.ts';
import { CodedError } from '../kernel/coded-error.ts';
import { kindOfAddress, parseIpAddress } from '../kernel/ip-address.ts';
import type { Host } from './host.ts';
import type { GatewayCommandOptions, PreparedGateway } from './prepared-gateway.ts';

const HOST = '127.0.0.1';
const NO_FILE = { name: 'gateway --dev', text: '{}\n' };

/**
 * Everything `gateway --dev` needs that is not in the file, if there is one: a port of this machine's loopback, an embedded
 * store, the practice identity provider and the practice model.
 */
export async function preparePractice(host: Host, options: GatewayCommandOptions): Promise<PreparedGateway> {
  const path = options.config === undefined ? undefined : resolve(host.cwd, options.config);
  // One that cannot be read is refused when it is loaded.
  const text = path === undefined ? NO_FILE.text : await readFile(path, 'utf8').catch(() => '');
  const written = writtenKeys(text);
  const writtenHost = written.text('listen.host') ?? HOST;
  // Before the file is judged as one for others: only a variable has to wait for its value.
  if (!writtenHost.includes('$')) refuseOtherAddress(writtenHost);
  const plan = await planPractice(written.number('listen.port'));
  const port = plan.gatewayPort;
  let folder: PracticeFolder | undefined;
  try {
    folder = openPracticeFolder(options.data === undefined ? undefined : resolve(host.cwd, options.data));
    const { close: closeFolder } = folder;
    const fill = {
      listen: { host: HOST, port },
      session: { jwt_secret: folder.jwtSecret },
      ...(written.has('oidc') ? {} : { oidc: practiceProvider(plan) }),
      ...(written.has('store') ? {} : { store: { embedded: folder.store } }),
      ...(written.has('upstreams') ? {} : { upstreams: [practiceUpstream(host, plan)] }),
    };
    const inputs = { env: host.env, readFile: readSecretFile, fill };
    const loaded = path === undefined ? loadFilled(inputs) : await loadConfig(path, inputs);
    refuseOtherAddress(loaded.config.listen.host);
    const publicUrl = loaded.config.listen.public_url ?? `http://${HOST}:${port}`;
    const practice = startPractice(plan, publicUrl, folder.provider);
    return {
      loaded,
      reread: path === undefined ? undefined : () => readConfig(path, inputs),
      allowedOrigins: [plan.origin],
      isPractice: true,
      nextSteps: nextSteps(publicUrl),
      async close() {
        await practice.close();
        closeFolder();
      },
    };
  } catch (error) {
    await closePractice(plan);
    folder?.close();
    throw error;
  }
}

/** What the file leaves to defaults is as it should be for practice: there is nothing to warn of. */
function loadFilled(inputs: CheckInputs): LoadedConfig {
  const checked = checkConfig(NO_FILE, inputs);
  if (checked.kind !== 'valid')
    throw new CodedError('config_invalid', { detail: 'gateway --dev could not configure itself' });
  const sha256 = createHash('sha256').update(NO_FILE.text).digest('hex');
  return { config: checked.config, warnings: [], path: NO_FILE.name, sha256 };
}

function practiceProvider({ issuer, clientId, clientSecret }: PracticePlan) {
  const scopes = ['openid', 'profile', 'email', 'groups', 'offline_access'];
  return { issuer, client_id: clientId, client_secret: clientSecret, scopes };
}

function practiceUpstream({ env }: Host, { modelUrl }: PracticePlan) {
  const apiKey = env['ANTHROPIC_API_KEY'];
  if (apiKey) return { provider: 'anthropic', auth: { api_key: apiKey } };
  return { name: 'practice-model', provider: 'anthropic', base_url: modelUrl, auth: { api_key: 'practice' } };
}

/** Anybody can sign in as anybody: nobody but this machine may reach it. */
function refuseOtherAddress(host: string): void {
  const address = parseIpAddress(host);
  if (host === 'localhost' || (address && kindOfAddress(address) === 'loopback')) return;
  throw new CodedError('config_invalid', {
    detail: `listen.host: gateway --dev listens on this machine only, not on ${host}; leave the key out, or start without --dev`,
  });
}

function nextSteps(publicUrl: string): string {
  return `
The practice gateway is ready. In a second terminal:

  npx sallyport login --gateway-url ${publicUrl}
  npx sallyport ask "hello"

Ctrl-C ends it.

`;
}
