// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import type { Path, SourceProblem } from './source-problem.ts';
import type { ConfigNode, ListNode, MapNode, ScalarNode } from './source-tree.ts';

export interface ExpandInputs {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Content of the file of a `${file:…}`; throws. */
  readonly readFile: (path: string) => string;
  /** Whether a variable that is not set is a problem. */
  readonly requiresEnv: boolean;
}

/**
 * Fills in `${VAR}` and `${file:/path}` in every string, in one pass: what comes in is text and is not looked at again, so
 * it cannot change the structure. `$${` stands for `${`.
 */
export function expandTree(
  root: MapNode,
  inputs: ExpandInputs,
): { readonly root: MapNode; readonly problems: readonly SourceProblem[] } {
  const problems: SourceProblem[] = [];
  const expandString = createStringExpander(inputs);

  const visit = (node: ConfigNode, path: Path): ConfigNode => {
    if (node.kind === 'map') return visitMap(node, path);
    if (node.kind === 'list') return visitList(node, path);
    if (typeof node.value !== 'string' || !node.value.includes('${')) return node;
    const { value, expansion, faults } = expandString(node.value);
    for (const { message, hint } of faults) {
      const words = isForClients(path)
        ? { message, hint: `${hint}; $\${…} keeps it for the client` }
        : { message, hint };
      problems.push({ offset: node.start, path, ...words });
    }
    return { ...node, value, ...(expansion ? { expansion } : {}) } satisfies ScalarNode;
  };
  const visitMap = (node: MapNode, path: Path): MapNode => ({
    ...node,
    entries: new Map(
      [...node.entries].map(([key, entry]) => [key, { ...entry, node: visit(entry.node, [...path, key]) }]),
    ),
  });
  const visitList = (node: ListNode, path: Path): ListNode => ({
    ...node,
    items: node.items.map((item, index) => visit(item, [...path, index])),
  });

  return { root: visitMap(root, []), problems };
}

interface Fault {
  readonly message: string;
  readonly hint: string;
}

type Expanded = Pick<ScalarNode, 'value' | 'expansion'> & { readonly faults: readonly Fault[] };

const REFERENCE = /\$\$\{|\$\{([^{}]*)\}|\$\{/g;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const FILE = /^\$\{file:([^{}]*)\}$/;

function createStringExpander({ env, readFile, requiresEnv }: ExpandInputs): (text: string) => Expanded {
  const files = new Map<string, Expanded>();

  const fromFile = (path: string): Expanded => {
    if (!path.startsWith('/')) return failed([], badPath(path));
    try {
      return { value: readFile(path).trim(), expansion: { kind: 'file', names: [path] }, faults: [] };
    } catch (error) {
      return failed([path], unreadableFile(path, error));
    }
  };

  const fromVariables = (text: string): Expanded => {
    const names = new Set<string>();
    const missing = new Set<string>();
    const faults = new Set<Fault>();
    const value = text.replace(REFERENCE, (match: string, inside: string | undefined) => {
      if (match === '$${') return '${';
      if (inside?.startsWith('file:')) faults.add(fileWithin);
      else if (inside === undefined || !NAME.test(inside)) faults.add(badReference);
      else {
        names.add(inside);
        const filled = Object.hasOwn(env, inside) ? env[inside] : undefined;
        if (filled !== undefined) return filled;
        missing.add(inside);
      }
      return '';
    });
    const all = [...faults, ...(requiresEnv ? [...missing].map(undefinedVariable) : [])];
    if (all.length > 0 || missing.size > 0)
      return { value: null, expansion: { kind: 'unknown', names: [...names] }, faults: all };
    return names.size > 0
      ? { value, expansion: { kind: 'variables', names: [...names] }, faults: [] }
      : { value, faults: [] };
  };

  return (text) => {
    const path = FILE.exec(text)?.[1];
    if (path === undefined) return fromVariables(text);
    // A file is read once, so that all who name it get the same content.
    const expanded = files.get(path) ?? fromFile(path);
    files.set(path, expanded);
    return expanded;
  };
}

function failed(names: readonly string[], fault: Fault): Expanded {
  return { value: null, expansion: { kind: 'unknown', names }, faults: [fault] };
}

function undefinedVariable(name: string): Fault {
  return {
    message: `names the variable ${name}, which is not set`,
    hint: `set ${name}, or write $\${ for a literal \${`,
  };
}

const badReference: Fault = {
  message: 'holds a ${ that is no ${VARIABLE} or ${file:/path}',
  hint: 'write ${NAME} with letters, digits and _, or $${ for a literal ${',
};

const fileWithin: Fault = {
  message: 'holds ${file:…} within a longer text',
  hint: 'make ${file:/path} the whole value, and put the rest into the file',
};

function badPath(path: string): Fault {
  return {
    message: `names the file "${path}", which is no absolute path`,
    hint: 'write the path from / on: ${file:/run/secrets/name}',
  };
}

function unreadableFile(path: string, error: unknown): Fault {
  return {
    message: `names the file ${path}, which cannot be read (${reasonOf(error)})`,
    hint: `check that ${path} exists and that this user may read it`,
  };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown reason';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  switch (code) {
    case 'ENOENT':
      return 'no such file';
    case 'EACCES':
    case 'EPERM':
      return 'permission denied';
    case 'EISDIR':
      return 'it is a folder';
    default:
      return code ?? error.message;
  }
}

/** Whether a value is a client's setting: there `${…}` may be meant for the client. */
function isForClients([section, list, , document]: Path): boolean {
  const isDocument = document === 'cli' || document === 'settings' || document === 'code';
  return section === 'managed' && list === 'policies' && isDocument;
}
