import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { judge, LIMITS, type Sample } from '../scripts/soak/verdict.ts';

/** Twenty minutes of a gateway that does the same all the time, but for noise that goes up and down. */
function samples(change: (sample: Sample) => Partial<Sample> = () => ({}), minutes = 20): Sample[] {
  return Array.from({ length: minutes }, (_, i) => {
    const noise = i % 2 === 0 ? 1 : -1;
    const sample = {
      minutes: i + 1,
      requests: 10_000,
      errors: 0,
      rssMegabytes: 200 + 5 * noise,
      heapMegabytes: 40 + 3 * noise,
      descriptors: 80 + 4 * noise,
      sockets: 60 + 4 * noise,
      lagMs: 3 + noise,
    };
    return { ...sample, ...change(sample) };
  });
}

const grown = (verdict: ReturnType<typeof judge>) =>
  verdict.trends.filter(({ isGrowing }) => isGrowing).map(({ figure }) => figure);

describe('the verdict of a soak', () => {
  it('is flat where figures only go up and down', () => {
    expect(judge(samples()).kind).toBe('flat');
  });

  it('fits the growth of an hour', () => {
    const verdict = judge(samples(({ minutes }) => ({ rssMegabytes: 100 + 7 * minutes })));
    const rss = verdict.trends.find(({ figure }) => figure === 'rssMegabytes');
    expect(rss?.perHour).toBeCloseTo(420, 6);
    expect(rss?.uncertainty).toBeCloseTo(0, 6);
  });

  it.each(Object.keys(LIMITS) as (keyof typeof LIMITS)[])(
    'is growing when %s does, at twice its limit',
    (figure) => {
      const verdict = judge(
        samples((sample) => ({ [figure]: sample[figure] + (2 * LIMITS[figure] * sample.minutes) / 60 })),
      );
      // What is noise beside one limit may be the signal beside another.
      expect([verdict.kind, grown(verdict)]).toEqual(['growing', [figure]]);
    },
  );

  it('is flat when a figure shrinks, or grows by less than its limit', () => {
    expect(judge(samples(({ minutes }) => ({ rssMegabytes: 900 - 20 * minutes }))).kind).toBe('flat');
    expect(judge(samples(({ minutes }) => ({ rssMegabytes: 200 + 0.9 * minutes }))).kind).toBe('flat');
  });

  it('is flat when all growth was warming up', () => {
    const warming = samples(({ minutes }) => ({ rssMegabytes: Math.min(minutes, 5) * 60 }));
    expect(judge(warming).kind).toBe('flat');
  });

  it('is flat when the scatter explains the slope', () => {
    const wild = samples(({ minutes }) => ({ heapMegabytes: 200 + (minutes % 3) * 150 + minutes }));
    expect(judge(wild).kind).toBe('flat');
  });

  it('is failing when more than one request in a thousand went wrong, or none was made', () => {
    expect(judge(samples(() => ({ errors: 10 }))).kind).toBe('flat');
    expect(judge(samples(() => ({ errors: 11 }))).kind).toBe('failing');
    expect(judge(samples(() => ({ requests: 0 }))).kind).toBe('failing');
    expect(judge([]).kind).toBe('failing');
  });

  it('is none after a few minutes, or with a few samples', () => {
    expect(judge(samples(undefined, 6)).kind).toBe('too short to judge');
    expect(judge(samples(undefined, 7)).kind).toBe('flat');
    expect(judge(samples(({ minutes }) => ({ minutes: minutes * 10 }), 5)).kind).toBe('too short to judge');
  });
});

it('the limits are those of docs/performance.md', () => {
  const page = readFileSync(fileURLToPath(new URL('../docs/performance.md', import.meta.url)), 'utf8');
  const rows = [...page.matchAll(/^\| [\w ,]+ \| (\d+) (?:MB|ms|each) \|$/gm)];
  const { rssMegabytes, heapMegabytes, descriptors, sockets, lagMs } = LIMITS;
  expect(descriptors).toBe(sockets);
  expect(rows.map(([, limit]) => Number(limit))).toEqual([rssMegabytes, heapMegabytes, descriptors, lagMs]);
});

describe('npm run soak', () => {
  const script = fileURLToPath(new URL('../scripts/soak.ts', import.meta.url));
  const soak = (...args: string[]) => promisify(execFile)(process.execPath, [script, ...args]);

  it('drives mixed traffic without an error, prints a line for each time, and leaves nothing open', async () => {
    const { stdout } = await soak('--minutes', '0.05', '--seconds', '1');
    const rows = stdout.split('\n').filter((line) => /^\| \d/.test(line));
    expect(rows).toHaveLength(3);
    const cells = rows.map((row) => row.split('|').slice(1, -1).map(Number));
    for (const [, requests, errors, rss, heap, descriptors, sockets] of cells) {
      expect(requests).toBeGreaterThan(0);
      expect(errors).toBe(0);
      expect(rss).toBeGreaterThan(heap ?? Number.NaN);
      expect(descriptors).toBeGreaterThan(sockets ?? Number.NaN);
    }
    expect(stdout).toMatch(/\nverdict: too short to judge\n$/);
  }, 60_000);

  it('wants numbers', async () => {
    await expect(soak('--minutes', 'some')).rejects.toMatchObject({ code: 2 });
  });
});
