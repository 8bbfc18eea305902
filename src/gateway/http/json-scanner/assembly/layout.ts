/**
 * Where things are in the module's memory. The first page is the scanner's own; after it comes the window, the part of the
 * document that is looked at, with `PADDING` zero bytes behind it: a zero continues nothing in JSON, so every loop stops
 * there, and no block reaches further.
 */
export const WINDOW: usize = 0x10000;
export const WINDOW_BYTES: usize = 0x20000;
export const PADDING: usize = 64;

/** The sought names, each after a byte that says its length, and a zero after the last. */
export const NAMES: usize = memory.data(256);

/** The members found, in order. There is room for 127 names above, so a table that is full holds one of them twice. */
export const MEMBERS: usize = memory.data(128 * 16);
export const MEMBER_BYTES: usize = 16;
export const MAX_MEMBERS: usize = 128;

/** For each open object or array, the byte that closes the one around it. */
export const CLOSERS: usize = memory.data(200);
export const MAX_DEPTH: usize = 200;

/** Stand for an address where there is none: what should be here is malformed, or is not all in the window. */
export const MALFORMED: usize = 0;
export const BROKEN_OFF: usize = 1;
