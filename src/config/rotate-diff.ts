import { isScalar, parseDocument, visit } from 'yaml';

/** The lines that two versions of a configuration differ in, as `-` and `+` lines. Texts that are no reference are masked. */
export function maskedDiff(before: string, after: string): string {
  const [old, next] = [maskedLines(before), maskedLines(after)];
  let start = 0;
  while (start < old.length && old[start] === next[start]) start += 1;
  let end = 0;
  const most = Math.min(old.length, next.length) - start;
  while (end < most && old.at(-1 - end) === next.at(-1 - end)) end += 1;
  const lines = (sign: string, side: readonly string[]) =>
    side.slice(start, side.length - end).map((line) => `${sign} ${line}`);
  return [`@@ line ${start + 1} @@`, ...lines('-', old), ...lines('+', next), ''].join('\n');
}

/** Only changed lines are shown, so masking every text rather than the secret ones hides nothing anybody looks for. */
function maskedLines(text: string): readonly string[] {
  const spans: (readonly [number, number])[] = [];
  visit(parseDocument(text), {
    Scalar(key, node) {
      if (key === 'key' || !isScalar(node) || typeof node.value !== 'string' || !node.range) return;
      if (/^\$\{[^}]*\}$/.test(node.value)) return;
      spans.push([node.range[0], node.range[1]]);
    },
  });
  let masked = '';
  let at = 0;
  for (const [start, end] of spans) {
    masked += `${text.slice(at, start)}[secret]`;
    at = end;
    if (text[end - 1] === '\n') masked += '\n';
  }
  return (masked + text.slice(at)).split(/\r?\n/);
}
