// npm run soak -- --minutes 20: mixed traffic against a real gateway process, a line of figures every minute, and whether they
// grow. The exit code is 0 when they do not. See docs/performance.md.
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Page } from '../test/support/exposition.ts';
import { startSteadyLoad } from '../test/support/steady-load.ts';
import { createTraffic } from './soak/traffic.ts';
import { ERRORS_ALLOWED, judge, LIMITS, type Sample, type Verdict } from './soak/verdict.ts';
import { startWorld, type World } from './soak/world.ts';

const MEGABYTE = 1024 * 1024;
const FAILURES_SHOWN = 5;
const LOOK_EVERY_MS = 1000;
/** Clients that have left are noticed at once; an answer under way when the traffic ends takes some seconds. */
const QUIET_WITHIN_MS = 10_000;

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '20' },
    /** Between two lines. */
    seconds: { type: 'string', default: '60' },
  },
});
const [minutes, seconds] = [Number(options.minutes), Number(options.seconds)];
if (minutes > 0 && seconds > 0) {
  process.exitCode = await soak(minutes * 60_000, seconds * 1000);
} else {
  console.error('--minutes and --seconds want numbers above 0');
  process.exitCode = 2;
}

async function soak(timeMs: number, everyMs: number): Promise<number> {
  const world = await startWorld();
  try {
    const traffic = await createTraffic(world.url);
    console.log(`store: ${world.store}, ${traffic.clients.length} clients, Node ${process.version}`);
    const { samples, failures } = await observe(world, traffic.clients, timeMs, everyMs);
    traffic.close();
    const verdict = judge(samples);
    print(verdict, failures);
    const left = await leftOver(world);
    if (left !== undefined) console.log(left);
    const code = await world.stop();
    if (code !== 0) console.log(`the gateway ended with ${code} after SIGTERM`);
    const isFine = verdict.kind === 'flat' || verdict.kind === 'too short to judge';
    return isFine && left === undefined && code === 0 ? 0 : 1;
  } finally {
    await world.close();
  }
}

async function observe(
  world: World,
  clients: readonly (() => Promise<void>)[],
  timeMs: number,
  everyMs: number,
): Promise<{ readonly samples: readonly Sample[]; readonly failures: readonly string[] }> {
  const samples: Sample[] = [];
  const load = startSteadyLoad(clients);
  const beganMs = performance.now();
  console.log('| minute | requests | errors | RSS MB | heap MB | descriptors | sockets | loop lag ms |');
  console.log('|---|---|---|---|---|---|---|---|');
  let before = { page: await world.metrics(), done: 0, failed: 0 };
  for (let tick = 1; tick * everyMs <= timeMs; tick += 1) {
    const heapBytes = await lowestHeap(world, beganMs + tick * everyMs);
    const now = { page: await world.metrics(), done: load.done, failed: load.failures.length };
    const sample: Sample = {
      minutes: (performance.now() - beganMs) / 60_000,
      requests: now.done - before.done,
      errors: now.failed - before.failed,
      rssMegabytes: now.page.value('sallyport_process_resident_memory_bytes') / MEGABYTE,
      heapMegabytes: heapBytes / MEGABYTE,
      descriptors: now.page.value('sallyport_process_open_fds'),
      sockets: world.openSockets(),
      lagMs: lagBetween(before.page, now.page),
    };
    before = now;
    samples.push(sample);
    printSample(sample);
  }
  await load.stop();
  return { samples, failures: load.failures };
}

/** Looks every second until then. */
async function lowestHeap(world: World, untilMs: number): Promise<number> {
  let lowest = Number.POSITIVE_INFINITY;
  for (;;) {
    await delay(Math.max(0, Math.min(LOOK_EVERY_MS, untilMs - performance.now())));
    lowest = Math.min(lowest, (await world.metrics()).value('sallyport_process_heap_used_bytes'));
    if (performance.now() >= untilMs) return lowest;
  }
}

function lagBetween(before: Page, now: Page): number {
  const added = (part: string) =>
    now.value(`sallyport_event_loop_lag_seconds_${part}`) -
    before.value(`sallyport_event_loop_lag_seconds_${part}`);
  return added('count') === 0 ? 0 : (added('sum') / added('count')) * 1000;
}

/** What the gateway still holds when nobody asks it for anything any more; undefined: nothing. */
async function leftOver(world: World): Promise<string | undefined> {
  const untilMs = performance.now() + QUIET_WITHIN_MS;
  for (;;) {
    const page = await world.metrics();
    const [requests, streams] = [page.value('sallyport_open_requests'), page.value('sallyport_open_streams')];
    if (requests === 0 && streams === 0) return undefined;
    if (performance.now() > untilMs)
      return `left over without traffic: ${requests} open requests, ${streams} open streams`;
    await delay(100);
  }
}

function printSample(sample: Sample): void {
  const columns = [
    sample.minutes.toFixed(1),
    sample.requests,
    sample.errors,
    sample.rssMegabytes.toFixed(1),
    sample.heapMegabytes.toFixed(1),
    sample.descriptors,
    sample.sockets,
    sample.lagMs.toFixed(2),
  ];
  console.log(`| ${columns.join(' | ')} |`);
}

function print({ kind, trends }: Verdict, failures: readonly string[]): void {
  for (const { figure, perHour, uncertainty, isGrowing } of trends) {
    const grows = `${perHour.toFixed(1)} an hour (± ${uncertainty.toFixed(1)}, limit ${LIMITS[figure]})`;
    console.log(`${figure}: ${grows}${isGrowing ? ' GROWING' : ''}`);
  }
  if (failures.length > 0) console.log(`errors: ${failures.length} (allowed: 1 in ${1 / ERRORS_ALLOWED})`);
  for (const failure of failures.slice(0, FAILURES_SHOWN)) console.log(`  ${failure}`);
  console.log(`verdict: ${kind}`);
}
