import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { checkConfig } from '../src/config/check.ts';
import { createAllowListJudge } from '../src/gateway/doors/judge-allow-list.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const sources = readdirSync(`${root}src`, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(`${root}src/${name}`, 'utf8'))
  .join('\n')
  // Texts that stand in quotes of several kinds and over several lines read as one.
  .replaceAll("\\'", "'");

/** Messages in the first column of the tables headed `message`. */
function messagesIn(page: string): string[] {
  const tables = readFileSync(`${root}${page}`, 'utf8').matchAll(
    /^\| message \|.*\n\|[-|]+\n((?:\|.*\n?)+)/gm,
  );
  const cells = [...tables].flatMap(([, rows = '']) =>
    rows
      .trim()
      .split('\n')
      .map((row) => row.split(' | ')[0]),
  );
  return cells.flatMap((cell = '') => [...cell.matchAll(/`([^`]+)`/g)].map(([, message = '']) => message));
}

const pages = ['docs/operations.md', 'docs/developers.md', 'docs/upstreams.md', 'docs/telemetry.md'];
const messages = pages.flatMap((page) => messagesIn(page).map((message) => [page, message] as const));

it('there are tables of messages', () => {
  expect(messages.length).toBeGreaterThan(30);
});

it.each(messages)('%s quotes a message that the program has: %s', (_page, message) => {
  const parts = message.split(/…|\.\.\.|\d{7}/).map((part) => part.replace(/^: /, '').trim());
  const missing = parts.filter((part) => part !== '' && !sources.includes(part));
  expect(missing).toEqual([]);
});

it('the first configuration in the README is valid, and nothing in it deserves a warning', () => {
  const text = /```yaml\n([\s\S]*?)\n *```/.exec(readFileSync(`${root}README.md`, 'utf8'))?.[1] ?? '';
  const env = {
    OIDC_CLIENT_ID: 'sallyport',
    OIDC_CLIENT_SECRET: 'idp',
    SALLYPORT_JWT_SECRET: 'n0TUx9tPRcZQbOcUJRHdkWhHkWbiX0bkgVQW5FJmJ1s',
    DATABASE_URL: 'postgres://sallyport@db.corp.example.com/sallyport?sslmode=verify-full',
    ANTHROPIC_API_KEY: 'key',
  };
  const checked = checkConfig(
    { name: 'README.md', text },
    { env, readFile: () => '', judgeAllowList: createAllowListJudge() },
  );
  expect(checked).toMatchObject({ kind: 'valid', warnings: [] });
});
