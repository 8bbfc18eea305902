import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

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

const pages = ['docs/operations.md', 'docs/developers.md'];
const messages = pages.flatMap((page) => messagesIn(page).map((message) => [page, message] as const));

it('there are tables of messages', () => {
  expect(messages.length).toBeGreaterThan(30);
});

it.each(messages)('%s quotes a message that the program has: %s', (_page, message) => {
  const parts = message.split(/…|\.\.\.|\d{7}/).map((part) => part.replace(/^: /, '').trim());
  const missing = parts.filter((part) => part !== '' && !sources.includes(part));
  expect(missing).toEqual([]);
});
