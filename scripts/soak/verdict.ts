/** What is looked at, once for each sample. */
export interface Sample {
  /** Since the traffic began. */
  readonly minutes: number;
  readonly requests: number;
  readonly errors: number;
  readonly rssMegabytes: number;
  /** The least that was in use since the sample before: what the collector leaves. */
  readonly heapMegabytes: number;
  readonly descriptors: number;
  readonly sockets: number;
  /** Mean lateness of the event loop's timer since the sample before. */
  readonly lagMs: number;
}

/** What each figure may grow by in an hour and still count as flat. A real leak grows by far more under this traffic. */
export const LIMITS = {
  rssMegabytes: 60,
  heapMegabytes: 30,
  descriptors: 30,
  sockets: 30,
  lagMs: 10,
} as const satisfies Partial<Record<keyof Sample, number>>;

type Figure = keyof typeof LIMITS;

/** One request in so many may go wrong. */
export const ERRORS_ALLOWED = 1 / 1000;

/** Caches fill, code is compiled, pools open: this share of the run is left out. */
const WARM_UP = 0.25;
/** What is left must be this long, and hold so many samples, before it says anything about hours. */
const SHORTEST = { minutes: 5, samples: 5 } as const;
/** A slope that its own scatter explains is none. */
const STANDARD_ERRORS = 2;

export interface Trend {
  readonly figure: Figure;
  readonly perHour: number;
  /** Of `perHour`: one standard error of the fit. */
  readonly uncertainty: number;
  readonly isGrowing: boolean;
}

export interface Verdict {
  readonly kind: 'flat' | 'growing' | 'failing' | 'too short to judge';
  readonly trends: readonly Trend[];
}

/** Fits a line to every figure after the warm-up. `failing`: too many requests went wrong for the rest to mean anything. */
export function judge(samples: readonly Sample[]): Verdict {
  const minutes = samples.at(-1)?.minutes ?? 0;
  const warm = samples.filter((sample) => sample.minutes > minutes * WARM_UP);
  const requests = sum(samples, 'requests');
  if (requests === 0 || sum(samples, 'errors') > requests * ERRORS_ALLOWED)
    return { kind: 'failing', trends: [] };
  if (warm.length < SHORTEST.samples || minutes * (1 - WARM_UP) < SHORTEST.minutes)
    return { kind: 'too short to judge', trends: [] };
  const trends = (Object.keys(LIMITS) as Figure[]).map((figure) => trendOf(warm, figure));
  return { kind: trends.some(({ isGrowing }) => isGrowing) ? 'growing' : 'flat', trends };
}

/** Least squares. */
function trendOf(samples: readonly Sample[], figure: Figure): Trend {
  const points = samples.map((sample) => ({ x: sample.minutes / 60, y: sample[figure] }));
  const mean = (of: (point: { x: number; y: number }) => number) =>
    points.reduce((total, point) => total + of(point), 0) / points.length;
  const [x, y] = [mean((point) => point.x), mean((point) => point.y)];
  const spread = mean((point) => (point.x - x) ** 2);
  const perHour = mean((point) => (point.x - x) * (point.y - y)) / spread;
  const scatter = mean((point) => (point.y - y - perHour * (point.x - x)) ** 2);
  const uncertainty = Math.sqrt(scatter / spread / (points.length - 2));
  const isGrowing = perHour > LIMITS[figure] && perHour > STANDARD_ERRORS * uncertainty;
  return { figure, perHour, uncertainty, isGrowing };
}

function sum(samples: readonly Sample[], figure: 'requests' | 'errors'): number {
  return samples.reduce((total, sample) => total + sample[figure], 0);
}
