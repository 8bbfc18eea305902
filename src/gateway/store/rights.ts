import { CodedError } from '../../kernel/coded-error.ts';
import type { Querier } from './database.ts';

const ALL = ['select', 'insert', 'update', 'delete'];
/** What the gateway does with its tables. */
const NEEDED: Readonly<Record<string, readonly string[]>> = {
  _migrations: ['select'],
  kv: ALL,
  sessions: ALL,
  revocations: ALL,
};

/** Throws CodedError `store_permission` that names what this role lacks on the tables there are, as the statement that grants it. */
export async function checkRights(querier: Querier): Promise<void> {
  const lacking = await querier.query<{ role: string; table: string; rights: string }>(
    `select quote_ident(current_user) as role, needed.table, string_agg(needed.right, ', ') as rights
     from jsonb_to_recordset($1::text::jsonb) as needed("table" text, "right" text)
     where to_regclass(needed.table) is not null
       and not has_table_privilege(to_regclass(needed.table), needed.right)
     group by needed.table order by needed.table`,
    [JSON.stringify(pairs())],
  );
  if (lacking.length === 0) return;
  const grants = lacking.map(({ role, table, rights }) => `grant ${rights} on ${table} to ${role};`);
  throw new CodedError('store_permission', {
    detail: `store.postgres_url: this role lacks rights on tables that exist; have their owner run: ${grants.join(' ')}`,
  });
}

/** The grants for a role that may not create tables itself. */
export function grantsFor(role: string): readonly string[] {
  return Object.entries(NEEDED).map(
    ([table, rights]) => `grant ${rights.join(', ')} on ${table} to ${role};`,
  );
}

function pairs(): readonly { readonly table: string; readonly right: string }[] {
  return Object.entries(NEEDED).flatMap(([table, rights]) => rights.map((right) => ({ table, right })));
}
