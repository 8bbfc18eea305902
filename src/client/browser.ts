import { spawn } from 'node:child_process';

interface Opener {
  readonly command: string;
  readonly args: readonly string[];
}

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Whether a link may be handed to a browser: http or https, and on the gateway's own origin, so that a gateway cannot
 * make a developer's machine open anything else.
 */
export function isOpenable(link: string, gatewayOrigin: string): boolean {
  const url = URL.parse(link);
  return url !== null && url.origin === gatewayOrigin && !url.username && !url.password;
}

/** Whether there is a browser to open: not over SSH, and on Linux only with a display (or Windows around it). */
export function hasBrowser(platform: NodeJS.Platform, env: Env): boolean {
  if (env['SSH_CONNECTION'] || env['SSH_CLIENT'] || env['SSH_TTY']) return false;
  if (platform === 'win32' || platform === 'darwin') return true;
  return Boolean(env['DISPLAY'] || env['WAYLAND_DISPLAY'] || env['WSL_DISTRO_NAME']);
}

/** The platform's opener. The link is one argument; no shell ever reads it. */
export function openerFor(platform: NodeJS.Platform, env: Env, link: string): Opener {
  if (platform === 'darwin') return { command: '/usr/bin/open', args: [link] };
  if (platform === 'win32' || env['WSL_DISTRO_NAME']) {
    return { command: 'rundll32.exe', args: ['url.dll,FileProtocolHandler', link] };
  }
  return { command: 'xdg-open', args: [link] };
}

/** Opens a link and resolves to whether the opener started; what the browser does with it is its own matter. */
export function openBrowser(platform: NodeJS.Platform, env: Env, link: string): Promise<boolean> {
  const { command, args } = openerFor(platform, env, new URL(link).href);
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: 'ignore', detached: true, shell: false });
    child.once('error', () => resolve(false));
    child.once('spawn', () => {
      child.unref();
      resolve(true);
    });
  });
}
