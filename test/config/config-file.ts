import { type CheckInputs, checkConfig } from '../../src/config/check.ts';
import type { GatewayConfig } from '../../src/config/gateway-config.ts';
import { formatProblems, type Problem } from '../../src/config/problems.ts';

export const SECRET = 'n0TUx9tPRcZQbOcUJRHdkWhHkWbiX0bkgVQW5FJmJ1s';

/** Sections of the smallest file that is valid without a warning, by name. */
export const sections = {
  listen: 'listen:\n  host: 127.0.0.1\n',
  oidc: 'oidc:\n  issuer: https://login.example.com\n  client_id: sallyport\n  client_secret: of-the-provider\n',
  session: `session:\n  jwt_secret: ${SECRET}\n`,
  store: 'store:\n  embedded: /var/lib/sallyport\n',
  upstreams: 'upstreams:\n  - provider: anthropic\n    auth:\n      api_key: key-of-the-upstream\n',
};

/** The smallest valid file with some sections put in place of its own; an empty text leaves one out. */
export function fileWith(changes: Readonly<Record<string, string>> = {}): string {
  return Object.values({ ...sections, ...changes }).join('');
}

export interface Inputs extends Partial<CheckInputs> {
  /** Contents by path. */
  readonly files?: Readonly<Record<string, string>>;
}

export function check(text: string, { files = {}, ...inputs }: Inputs = {}) {
  const readFile = (path: string): string => {
    const content = files[path];
    if (content === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
    return content;
  };
  return checkConfig({ name: 'gateway.yaml', text }, { env: {}, readFile, ...inputs });
}

export function problemsOf(text: string, inputs?: Inputs): readonly Problem[] {
  const checked = check(text, inputs);
  return checked.kind === 'invalid' ? checked.problems : checked.warnings;
}

/** `path message`, for each error. */
export function errorsOf(text: string, inputs?: Inputs): string[] {
  return linesOf(text, 'error', inputs);
}

export function warningsOf(text: string, inputs?: Inputs): string[] {
  return linesOf(text, 'warning', inputs);
}

/** `path message; hint`, for each problem. */
export function adviceOf(text: string, inputs?: Inputs): string[] {
  return problemsOf(text, inputs).map(({ path, message, hint }) => `${path} ${message}; ${hint ?? ''}`);
}

export function configOf(text: string, inputs?: Inputs): GatewayConfig {
  const checked = check(text, inputs);
  if (checked.kind !== 'valid') throw new Error(`not valid:\n${errorsOf(text, inputs).join('\n')}`);
  return checked.config;
}

/** What an operator reads. */
export function printed(text: string, inputs?: Inputs): string {
  return formatProblems(problemsOf(text, inputs), { name: 'gateway.yaml', text });
}

function linesOf(text: string, severity: Problem['severity'], inputs?: Inputs): string[] {
  return problemsOf(text, inputs)
    .filter((problem) => problem.severity === severity)
    .map(({ path, message }) => `${path} ${message}`);
}
