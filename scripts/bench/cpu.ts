import { readFileSync } from 'node:fs';

const TICKS_PER_SECOND = 100;

/** CPU time (user and system) of a process so far, in microseconds, and its resident memory in MB. Linux only. */
export function usageOf(pid: number): { readonly cpuMicros: number; readonly rssMegabytes: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const rssKilobytes = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  return { cpuMicros: (ticks / TICKS_PER_SECOND) * 1e6, rssMegabytes: rssKilobytes / 1024 };
}
