import { readdir } from 'node:fs/promises';
import { getHeapStatistics } from 'node:v8';
import type { Clock } from '../../kernel/clock.ts';
import { metrics } from './metrics.ts';
import type { Registry } from './registry.ts';

const LAG_EVERY_MS = 250;
const DESCRIPTORS = '/proc/self/fd';

/** CPU, memory, descriptors and the event loop of this process, from now on; returns how to end that. */
export function startProcessFigures(registry: Registry, version: string, clock: Clock): () => void {
  const user = registry.cell(metrics.cpuSeconds, { mode: 'user' });
  const system = registry.cell(metrics.cpuSeconds, { mode: 'system' });
  const memory = registry.cell(metrics.residentMemory, {});
  const heap = registry.cell(metrics.usedHeap, {});
  const busy = registry.cell(metrics.eventLoopBusy, {});
  registry.cell(metrics.buildInfo, { version, node: process.versions.node }).value = 1;
  registry.cell(metrics.processStart, {}).value = Math.round(clock.now() / 1000 - process.uptime());

  registry.beforeSnapshot(async () => {
    const cpu = process.cpuUsage();
    user.value = cpu.user / 1e6;
    system.value = cpu.system / 1e6;
    memory.value = process.memoryUsage.rss();
    heap.value = getHeapStatistics().used_heap_size;
    busy.value = performance.eventLoopUtilization().active / 1000;
    const open = await openDescriptors();
    if (open !== undefined) registry.cell(metrics.openDescriptors, {}).value = open;
  });
  return startLagTimer(registry, clock);
}

/** A timer that is due and does not fire: something held the loop up. */
function startLagTimer(registry: Registry, clock: Clock): () => void {
  const lag = registry.histogram(metrics.eventLoopLag, {});
  let dueAtMs = clock.monotonicMs() + LAG_EVERY_MS;
  const timer = setInterval(() => {
    const nowMs = clock.monotonicMs();
    lag.observe(Math.max(0, nowMs - dueAtMs) / 1000);
    dueAtMs = nowMs + LAG_EVERY_MS;
  }, LAG_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** Without the one that the looking itself takes; undefined where the system has no such folder. */
async function openDescriptors(): Promise<number | undefined> {
  const names = await readdir(DESCRIPTORS).catch(() => undefined);
  return names && names.length - 1;
}
