import type { Command } from 'commander';
import type { Machine } from '../client/machine.ts';
import type { Host } from './host.ts';
import type { LoginOptions } from './login-flow.ts';

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
    .action(async (options: LoginOptions) => {
      const { login } = await import('./login-flow.ts');
      await login(host, options, machine);
    });
}
