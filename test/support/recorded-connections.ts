import { existsSync, readFileSync } from 'node:fs';

const recorder = new URL('record-connections.ts', import.meta.url).href;

/** What makes a program write down in this file where it connects to, and reach this machine only. */
export function recordingEnv(file: string): Readonly<Record<string, string>> {
  return { NODE_OPTIONS: `--import ${recorder}`, RECORD_CONNECTIONS: file };
}

/** Where it has tried to connect to, once each and sorted: host and port, or the path of a socket. */
export function recordedDestinations(file: string): readonly string[] {
  if (!existsSync(file)) return [];
  return [...new Set(readFileSync(file, 'utf8').trim().split('\n'))].sort();
}
