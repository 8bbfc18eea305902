// Fails on a relative link in the documentation that leads nowhere: a missing file or a missing heading.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const pages = [
  ...markdownIn(root, false),
  ...markdownIn(join(root, 'docs'), true),
  ...markdownIn(join(root, 'deploy'), true),
];
const broken = pages.flatMap(brokenLinks);

for (const line of broken) console.error(line);
console.error(`${pages.length} pages, ${broken.length} broken links`);
process.exitCode = broken.length > 0 ? 1 : 0;

function brokenLinks(page: string): string[] {
  const text = readFileSync(page, 'utf8').replace(/```[\s\S]*?```/g, '');
  return [...text.matchAll(/\[[^\]]*\]\(([^)\s]+)[^)]*\)/g)].flatMap(([, link = '']) => {
    if (/^[a-z]+:/i.test(link)) return [];
    const [path = '', anchor] = link.split('#');
    const target = path === '' ? page : join(dirname(page), path);
    if (!existsSync(target)) return [`${relative(root, page)}: ${link}: no such file`];
    if (anchor && target.endsWith('.md') && !anchorsOf(target).has(anchor)) {
      return [`${relative(root, page)}: ${link}: no such heading`];
    }
    return [];
  });
}

function anchorsOf(page: string): Set<string> {
  const headings = readFileSync(page, 'utf8').matchAll(/^#{1,6}\s+(.+)$/gm);
  const named = readFileSync(page, 'utf8').matchAll(/<a (?:id|name)="([^"]+)"/g);
  return new Set([
    ...[...headings].map(([, text = '']) => slug(text)),
    ...[...named].map(([, id = '']) => id),
  ]);
}

/** The anchor that common Markdown hosts give a heading. */
function slug(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replace(/ /g, '-');
}

function markdownIn(folder: string, deep: boolean): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) return deep ? markdownIn(join(folder, entry.name), true) : [];
    return entry.name.endsWith('.md') ? [join(folder, entry.name)] : [];
  });
}
