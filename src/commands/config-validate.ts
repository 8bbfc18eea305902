// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import type { Command } from 'commander';
import type { Host } from './host.ts';

interface ValidateOptions {
  /** `--no-env` */
  readonly env: boolean;
}

const EXAMPLE = '\nExample:\n  $ sallyport config validate gateway.yaml';

export function registerConfig(program: Command, host: Host): void {
  program
    .command('config')
    .summary('check the configuration of a gateway')
    .description('Works on gateway.yaml, the configuration of a gateway.')
    .helpCommand(false)
    .addHelpText('after', EXAMPLE)
    .command('validate')
    .argument('[file]', 'the configuration', 'gateway.yaml')
    .summary('name every problem of gateway.yaml')
    .description(
      'Names every problem of a configuration at once, with line, column and what to do. Exits with 2 when there is an error, with 0 when there are warnings only. --json prints {problems: [...]}.',
    )
    .option('--no-env', 'accept variables (${NAME}) that are not set here')
    .addHelpText('after', EXAMPLE)
    .action((file: string, options: ValidateOptions) => validateConfig(host, file, options));
}

/** Throws CodedError `config_unreadable`, or `config_invalid` after the problems have been written. */
async function validateConfig(host: Host, file: string, { env }: ValidateOptions): Promise<void> {
  const [{ readConfigFile, readSecretFile }, { checkConfig }, { createAllowListJudge }] = await Promise.all([
    import('../config/load.ts'),
    import('../config/check.ts'),
    import('../gateway/doors/judge-allow-list.ts'),
  ]);
  const { resolve } = await import('node:path');
  const bytes = await readConfigFile(resolve(host.cwd, file));
  const source = { name: file, text: bytes.toString('utf8') };
  const checked = checkConfig(source, {
    env: host.env,
    readFile: readSecretFile,
    requiresEnv: env,
    judgeAllowList: createAllowListJudge(),
  });
  const problems = checked.kind === 'invalid' ? checked.problems : checked.warnings;
  if (host.options.json) host.stdout.write(`${JSON.stringify({ problems }, null, 2)}\n`);
  else if (problems.length > 0) {
    const { formatProblems } = await import('../config/problems.ts');
    host.stdout.write(`${formatProblems(problems, source, { colour: host.colour })}\n\n`);
  }
  const counts = countsOf(problems);
  if (checked.kind === 'invalid') {
    const { CodedError } = await import('../kernel/coded-error.ts');
    const again = `sallyport config validate ${file}${env ? '' : ' --no-env'}`;
    throw new CodedError('config_invalid', {
      detail: `${file}: ${counts}. Correct them and run again: ${again}`,
    });
  }
  host.stderr.write(
    `${host.colour.green('Valid:')} ${file}${counts === '' ? '' : `, ${counts}`}. ${nextStep(file, env)}\n`,
  );
}

function nextStep(file: string, env: boolean): string {
  return env
    ? `Try the store and the identity provider as well: sallyport gateway --config ${file} --check`
    : `Check it where the variables are set: sallyport config validate ${file}`;
}

/** `2 errors, 1 warning`; empty for none. */
function countsOf(problems: readonly { readonly severity: 'error' | 'warning' }[]): string {
  return (['error', 'warning'] as const)
    .map(
      (severity) => [severity, problems.filter((problem) => problem.severity === severity).length] as const,
    )
    .filter(([, count]) => count > 0)
    .map(([severity, count]) => `${count} ${severity}${count === 1 ? '' : 's'}`)
    .join(', ');
}
