export { code, table } from '../../src/gateway/protocol/markdown.ts';

/** Says at the top of a page where it comes from. */
export function generatedFrom(source: string): string {
  return `<!-- Generated from ${source} by \`npm run generate\`. Edit that, not this. -->`;
}
