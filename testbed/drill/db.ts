/** Nova's and Placement's databases, read through MariaDB's socket: looks that put no load on the API under test. */
import { openConversation } from './conversation.ts';
import { type DatabaseLook, migrationRow, serverRow, serviceRow } from './observe.ts';

const QUERY_TIMEOUT_MS = 10_000;

export interface Database {
  /** Rows of a query; a field is text as `mariadb --batch` prints it, SQL's null is "NULL". */
  query(sql: string): Promise<string[][]>;
  close(): void;
}

/** What `mariadb --batch` escapes in a field. */
function unescaped(field: string): string {
  return field.replace(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char === 't' ? '\t' : char));
}

/** One client process, kept open; queries are answered one after another. */
export function openDatabase(socket: string): Database {
  const client = openConversation({
    name: 'database',
    command: [
      'mariadb',
      '--no-defaults',
      `--socket=${socket}`,
      '--user=root',
      '--skip-column-names',
      '--batch',
      '--unbuffered',
    ],
    greeting: "SET time_zone = '+00:00';\n",
    question: (sql, marker) => `${sql.replace(/;?\s*$/, ';')}\nSELECT '${marker}';\n`,
    timeoutMs: QUERY_TIMEOUT_MS,
  });
  return {
    query: async (sql) => (await client.ask(sql)).map((line) => line.split('\t').map(unescaped)),
    close: client.close,
  };
}

const SERVICES = `
SELECT s.host, s.forced_down, s.disabled, s.disabled_reason, UNIX_TIMESTAMP(s.last_seen_up),
  EXISTS (SELECT 1 FROM placement.resource_providers p
    JOIN placement.resource_provider_traits r ON r.resource_provider_id = p.id
    JOIN placement.traits t ON t.id = r.trait_id
    WHERE p.name = s.host AND t.name = 'COMPUTE_STATUS_DISABLED')
FROM nova.services s WHERE s.\`binary\` = 'nova-compute' AND s.deleted = 0 ORDER BY s.host`;
const SERVERS = 'SELECT uuid, host, vm_state, task_state, locked FROM nova.instances WHERE deleted = 0';
const migrationsSince = (id: number): string =>
  `SELECT id, instance_uuid, status, source_compute, dest_compute, UNIX_TIMESTAMP(created_at)
   FROM nova.migrations WHERE migration_type = 'evacuation' AND id > ${id} ORDER BY id`;

/** The number of the newest migration: what comes after it belongs to the drill. */
export async function lastMigration(db: Database): Promise<number> {
  const rows = await db.query('SELECT COALESCE(MAX(id), 0) FROM nova.migrations');
  return Number(rows[0]?.[0] ?? 0);
}

/** One look. Its time is that before the first query: what it says was true then or later. */
export async function lookAtDatabase(db: Database, sinceMigration: number): Promise<DatabaseLook> {
  const at = Date.now() / 1000;
  const services = await db.query(SERVICES);
  const servers = await db.query(SERVERS);
  const migrations = await db.query(migrationsSince(sinceMigration));
  return {
    at,
    services: services.map(serviceRow),
    servers: servers.map(serverRow),
    migrations: migrations.map(migrationRow),
  };
}
