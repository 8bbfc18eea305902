import { join } from 'node:path';

/** Where Sallyport keeps a developer's sessions and trusted certificates: SALLYPORT_CONFIG_DIR or the platform's place. */
export function configFolder(
  platform: NodeJS.Platform,
  env: Readonly<Record<string, string | undefined>>,
  homeDir: string,
): string {
  if (env['SALLYPORT_CONFIG_DIR']) return env['SALLYPORT_CONFIG_DIR'];
  if (platform === 'win32') return join(env['APPDATA'] || join(homeDir, 'AppData', 'Roaming'), 'Sallyport');
  if (platform === 'darwin') return join(homeDir, 'Library', 'Application Support', 'Sallyport');
  return join(env['XDG_CONFIG_HOME'] || join(homeDir, '.config'), 'sallyport');
}
