import { totalmem } from 'node:os';

const GIB = 1024 ** 3;

/** Bytes that this process may use: the limit of its control group, or what the machine has. */
export function memoryLimitBytes(): number {
  return Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
}

/** How many request bytes a process holds unless told otherwise: a quarter of its part of the memory, 1 GiB at most. */
export function defaultBufferedBytes(memoryBytes: number, processes: number): number {
  return Math.min(GIB, Math.floor(memoryBytes / 4 / processes));
}
