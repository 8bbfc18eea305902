import { checkConfig } from '../../src/config/check.ts';
import { createAllowListJudge } from '../../src/gateway/doors/judge-allow-list.ts';

/** What examples take from the environment. */
const EXAMPLE_ENV = {
  OIDC_CLIENT_ID: 'sallyport',
  OIDC_CLIENT_SECRET: 'idp',
  SALLYPORT_JWT_SECRET: 'n0TUx9tPRcZQbOcUJRHdkWhHkWbiX0bkgVQW5FJmJ1s',
  DATABASE_URL: 'postgres://sallyport@db.corp.example.com/sallyport?sslmode=verify-full',
  POSTGRES_PASSWORD: 'password',
  ANTHROPIC_API_KEY: 'key',
};

/** Judges a `gateway.yaml` that somebody may copy, with the loader that the gateway has. */
export function checkExample(name: string, text: string, readFile: (path: string) => string = () => '') {
  return checkConfig({ name, text }, { env: EXAMPLE_ENV, readFile, judgeAllowList: createAllowListJudge() });
}

/** The texts of a page's blocks in YAML, in their order. */
export function yamlBlocksOf(page: string): string[] {
  return [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text);
}
