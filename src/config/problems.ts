import { escapeControl } from '../kernel/log.ts';
import { createLineViewer, type ShownLine } from './code-frame.ts';
import { type ConfigSource, type Path, textOf } from './source-problem.ts';

/** One thing wrong with a configuration file, or one that boots but bites. */
export interface Problem {
  readonly severity: 'error' | 'warning';
  /** Like `upstreams[0].auth.api_key`; empty for the file as a whole. */
  readonly path: string;
  readonly line: number;
  readonly column: number;
  /** Continues the path to a sentence: `must be …, found …`. Holds no secret. */
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
}

export interface ProblemColours {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
}

export interface FormatOptions {
  readonly colour?: ProblemColours;
}

const same = (text: string) => text;
const plain: ProblemColours = { bold: same, dim: same, red: same, yellow: same, cyan: same };

/** Far above what anybody corrects in one go. */
const MOST = 100;

/** Problems for a reader: where, what was found and what is allowed, what to do, and the lines around. Holds no secret. */
export function formatProblems(
  problems: readonly Problem[],
  source: ConfigSource,
  { colour = plain }: FormatOptions = {},
): string {
  const lineOf = createLineViewer(textOf(source));
  const blocks = problems.slice(0, MOST).map((problem) => block(problem, source, lineOf, colour));
  const rest = problems.length - MOST;
  return [...blocks, ...(rest > 0 ? [`and ${rest} more`] : [])].join('\n\n');
}

/** A problem in one line: place, sentence, and what to do. */
export function problemLine(problem: Problem, { name }: Pick<ConfigSource, 'name'>): string {
  const hint = problem.hint === undefined ? '' : `; ${problem.hint}`;
  return escapeControl(`${name}:${problem.line}:${problem.column}: ${sentence(problem)}${hint}`);
}

/** `upstreams[0].headers.x-team`. A key that does not look like a name may be a secret that slipped there: it is hidden. */
export function formatPath(path: Path): string {
  return path
    .map((step, index) => {
      if (typeof step === 'number') return `[${step}]`;
      if (!/^[\w$<>@/.-]{1,64}$/.test(step)) return '["…"]';
      if (!/^[\w$-]+$/.test(step)) return `["${step}"]`;
      return index === 0 ? step : `.${step}`;
    })
    .join('');
}

function sentence({ path, message }: Problem): string {
  return `${path === '' ? 'the file' : path} ${message}`;
}

function block(
  problem: Problem,
  { name }: ConfigSource,
  lineOf: (line: number) => ShownLine | undefined,
  colour: ProblemColours,
): string {
  const { severity, line, column, path, message, hint } = problem;
  const word = severity === 'error' ? colour.red('error') : colour.yellow('warning');
  const subject = colour.bold(escapeControl(path === '' ? 'the file' : path));
  const head = `${escapeControl(name)}:${line}:${column} ${word} ${subject} ${escapeControl(message)}`;
  const advice = hint === undefined ? [] : [`  ${colour.cyan('fix:')} ${escapeControl(hint)}`];
  return [head, ...advice, ...frame(problem, lineOf, colour)].join('\n');
}

function frame(
  { line, column }: Problem,
  lineOf: (line: number) => ShownLine | undefined,
  colour: ProblemColours,
): string[] {
  const width = String(line + 1).length;
  const numbered = (number: number, mark: string) => {
    const shown = lineOf(number);
    if (!shown) return [];
    const gutter = colour.dim(`${mark} ${String(number).padStart(width)} |`);
    return [shown.text === '' ? gutter : `${gutter} ${shown.text}`];
  };
  const shown = lineOf(line);
  const at = shown ? shown.columnOf(column) : 1;
  const caret =
    shown && at <= shown.text.length + 1 ? [`${' '.repeat(width + 5 + at - 1)}${colour.red('^')}`] : [];
  return [...numbered(line - 1, ' '), ...numbered(line, '>'), ...caret, ...numbered(line + 1, ' ')];
}
