/**
 * Text from elsewhere for one line of a terminal: without control characters (C0, DEL, C1), line separators and the
 * marks that change the direction of text, so that it can neither move the cursor nor pose as something else.
 */
export function printable(text: string): string {
  return text
    .replace(/[\t\n\r]+/g, ' ')
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '');
}

/** Like `printable` for running text: keeps line breaks and tabs, removes every other control character. */
export function printableText(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '');
}
