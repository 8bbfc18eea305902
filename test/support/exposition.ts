/** One line of a page: its name, its labels and its value. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly kind: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

export interface Page {
  readonly families: readonly Family[];
  /** The sum of what has this name and these labels, whatever its other labels; 0 when nothing has. */
  value(name: string, labels?: Readonly<Record<string, string>>): number;
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`, 's');
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/;

/** Reads the text format of Prometheus, version 0.0.4, and throws wherever a page strays from it or from its conventions. */
export function parseExposition(text: string): Page {
  if (!text.endsWith('\n')) throw new SyntaxError('the last line has no end');
  const families: Family[] = [];
  const seen = new Set<string>();
  let open: { name: string; kind: string; help: string; samples: Sample[] } | undefined;
  let help: { name: string; words: string } | undefined;
  for (const line of text.slice(0, -1).split('\n')) {
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (keyword === 'HELP') {
      help = { name, words: rest };
      continue;
    }
    if (keyword === 'TYPE') {
      if (help?.name !== name) throw new SyntaxError(`TYPE of ${name} without its HELP before it`);
      if (families.some((family) => family.name === name)) throw new SyntaxError(`${name} comes twice`);
      open = { name, kind: rest, help: help.words, samples: [] };
      families.push(open);
      continue;
    }
    if (!open || help?.name !== open.name) throw new SyntaxError(`a sample outside of its family: ${line}`);
    const sample = parseSample(line);
    const identity = `${sample.name}${JSON.stringify(Object.entries(sample.labels).toSorted())}`;
    if (seen.has(identity)) throw new SyntaxError(`comes twice: ${line}`);
    seen.add(identity);
    open.samples.push(sample);
  }
  families.forEach(checkFamily);
  return { families, value: (name, labels = {}) => sumOf(families, name, labels) };
}

function sumOf(families: readonly Family[], name: string, labels: Readonly<Record<string, string>>): number {
  return families
    .flatMap(({ samples }) => samples)
    .filter((sample) => sample.name === name)
    .filter((sample) => Object.entries(labels).every(([key, value]) => sample.labels[key] === value))
    .reduce((sum, { value }) => sum + value, 0);
}

function parseSample(line: string): Sample {
  const [, name, labelText = '', valueText = ''] = SAMPLE.exec(line) ?? [];
  if (name === undefined) throw new SyntaxError(`no sample: ${line}`);
  const value = valueText === '+Inf' ? Number.POSITIVE_INFINITY : Number(valueText);
  if (Number.isNaN(value)) throw new SyntaxError(`no number: ${line}`);
  return { name, labels: parseLabels(labelText), value };
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (let rest = text; rest !== ''; ) {
    const [whole, name, raw = '', comma] = LABEL.exec(rest) ?? [];
    if (whole === undefined || name === undefined) throw new SyntaxError(`no label: ${rest}`);
    if (name in labels) throw new SyntaxError(`label ${name} comes twice`);
    labels[name] = raw.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
    rest = rest.slice(whole.length);
    if (comma === ',' && rest === '') throw new SyntaxError('a comma at the end of labels');
  }
  return labels;
}

function checkFamily(family: Family): void {
  const { name, kind, samples } = family;
  if (samples.length === 0) throw new SyntaxError(`${name} has no samples`);
  if (kind === 'histogram') return checkHistogram(family);
  if (kind !== 'counter' && kind !== 'gauge') throw new SyntaxError(`${name} is of no known type: ${kind}`);
  if (samples.some((sample) => sample.name !== name)) throw new SyntaxError(`a stranger in ${name}`);
  if ((kind === 'counter') !== name.endsWith('_total')) throw new SyntaxError(`${name} is misnamed`);
  if (kind === 'counter' && samples.some(({ value }) => value < 0)) throw new RangeError(`${name} below 0`);
}

/** Each series has buckets that ascend and accumulate, the last without a bound and equal to the count. */
function checkHistogram({ name, samples }: Family): void {
  const series = new Map<string, Sample[]>();
  for (const sample of samples) {
    const { le: _, ...others } = sample.labels;
    const key = JSON.stringify(others);
    series.set(key, [...(series.get(key) ?? []), sample]);
  }
  for (const [key, own] of series) {
    const buckets = own.filter((sample) => sample.name === `${name}_bucket`);
    const [sum, count, ...strangers] = own.filter((sample) => sample.name !== `${name}_bucket`);
    if (sum?.name !== `${name}_sum` || count?.name !== `${name}_count` || strangers.length > 0)
      throw new SyntaxError(`${name}${key} lacks a sum or a count`);
    const bounds = buckets.map(({ labels }) => Number(labels['le']?.replace('+Inf', 'Infinity')));
    const ascends = (values: readonly number[], isNext: (a: number, b: number) => boolean) =>
      values.every((value, i) => i === 0 || isNext(values[i - 1] ?? Number.NaN, value));
    if (!ascends(bounds, (a, b) => a < b)) throw new SyntaxError(`${name}${key}: bounds do not ascend`);
    if (
      !ascends(
        buckets.map(({ value }) => value),
        (a, b) => a <= b,
      )
    )
      throw new SyntaxError(`${name}${key}: buckets do not accumulate`);
    if (bounds.at(-1) !== Number.POSITIVE_INFINITY || buckets.at(-1)?.value !== count.value)
      throw new SyntaxError(`${name}${key}: the last bucket is not the count`);
  }
}
