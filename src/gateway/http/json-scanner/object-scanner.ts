import type { BodyMember } from '../../exchange.ts';
import { COMPILED } from './compiled.ts';

/** What a JSON object holds of the sought members. */
export interface ScannedObject {
  /** By name, in order. */
  readonly members: ReadonlyMap<string, BodyMember>;
  /** The first of the sought names that came a second time. */
  readonly repeated: string | undefined;
}

/** Takes valid UTF-8. Undefined when it is not exactly one JSON object (RFC 8259), nested at most 200 deep. */
export type ScanObject = (document: Uint8Array) => ScannedObject | undefined;

interface Address {
  readonly value: number;
}

/** What `assembly/scan.ts` exports. */
interface ScannerExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly NAMES: Address;
  readonly MEMBERS: Address;
  readonly WINDOW: Address;
  readonly WINDOW_BYTES: Address;
  begin(): void;
  read(length: number, isLast: boolean): number;
  membersFound(): number;
}

/** The part of the platform's WebAssembly that is used here. */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    readonly exports: ScannerExports;
    constructor(module: Module);
  }
}

const MEMBER_BYTES = 16;

export interface ObjectScannerOptions {
  /** How much of a document is looked at together: 1,024 at least, and more than a name can take when all of it is escaped. */
  readonly windowBytes?: number;
}

/**
 * A scanner that looks for top-level members of these names, compared after unescaping. They are letters and underscores; there
 * is room for 255 bytes of them and one more for each. Its memory is of one size whatever it scans: documents pass through it
 * in windows, which stay in the processor's cache.
 */
export function createObjectScanner(
  names: readonly string[],
  { windowBytes }: ObjectScannerOptions = {},
): ScanObject {
  const module = new WebAssembly.Module(Buffer.from(COMPILED, 'base64'));
  const { memory, begin, read, membersFound, ...at } = new WebAssembly.Instance(module).exports;
  new Uint8Array(memory.buffer, at.NAMES.value, at.MEMBERS.value - at.NAMES.value).set(listOf(names));
  const table = new DataView(memory.buffer, at.MEMBERS.value);
  const window = new Uint8Array(memory.buffer, at.WINDOW.value, windowBytes ?? at.WINDOW_BYTES.value);

  return (document) => {
    begin();
    for (let from = 0; ; ) {
      const to = Math.min(from + window.length, document.length);
      window.set(document.subarray(from, to));
      const isLast = to === document.length;
      const done = read(to - from, isLast);
      if (done <= 0) return undefined;
      if (isLast) return membersIn(table, membersFound(), names);
      from += done;
    }
  };
}

/** The names as the module reads them: each after its length, and a zero after the last. */
function listOf(names: readonly string[]): Buffer {
  const entries = names.map((name) => Buffer.from(`${String.fromCharCode(name.length)}${name}`));
  return Buffer.concat([...entries, Buffer.of(0)]);
}

function membersIn(table: DataView, count: number, names: readonly string[]): ScannedObject {
  const members = new Map<string, BodyMember>();
  let repeated: string | undefined;
  for (let at = 0; at < count * MEMBER_BYTES; at += MEMBER_BYTES) {
    const name = names[table.getUint32(at, true)] ?? '';
    if (members.has(name)) repeated ??= name;
    members.set(name, {
      keyStart: table.getUint32(at + 4, true),
      valueStart: table.getUint32(at + 8, true),
      valueEnd: table.getUint32(at + 12, true),
    });
  }
  return { members, repeated };
}
