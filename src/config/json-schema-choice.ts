type Json = Readonly<Record<string, unknown>>;

/**
 * A map whose keys depend on the word that one of them holds, in a form from which editors complete and explain the keys of
 * the word that is there: a condition per word in place of "one of these maps".
 */
export function chosenBy(by: string, { title, description }: Json, schema: Json): Json {
  const { oneOf, ...own } = schema;
  const branches = Array.isArray(oneOf) ? oneOf.map(asObject) : [];
  const words = branches.map((branch) => wordsOf(asObject(asObject(branch['properties'])[by])));
  return {
    ...own,
    type: 'object',
    properties: { [by]: { title, description, examples: words.flat(), type: 'string', enum: words.flat() } },
    required: [by],
    allOf: branches.map((branch, index) => ({
      if: { properties: { [by]: { enum: words[index] } }, required: [by] },
      // biome-ignore lint/suspicious/noThenProperty: a word of JSON Schema
      then: branch,
    })),
  };
}

function wordsOf(schema: Json): readonly unknown[] {
  return Array.isArray(schema['enum']) ? schema['enum'] : [];
}

function asObject(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}
