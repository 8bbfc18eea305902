import type { z } from 'zod';
import type { Valid } from '../read-shape.ts';
import type { Report } from '../report.ts';
import type { Path } from '../source-problem.ts';

/** The relations between the keys of one upstream, over whatever of it is valid. `path` is the upstream's. */
export type UpstreamCheck<S extends z.ZodType> = (
  upstream: Valid<z.output<S>>,
  path: Path,
  report: Report,
) => void;
