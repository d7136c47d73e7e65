import { known, type Maybe, unknown } from '../core/observation.ts';
import { explain } from '../pacemaker/errors.ts';
import { lastWords, type RunTool } from '../pacemaker/tool.ts';
import type { NodeFacts } from './facts.ts';
import { AGENTS, NOVA_CONFS } from './gather-local.ts';

/** The longest that a node may take to answer, ms. */
const SSH_LIMIT_MS = 20_000;
const CONNECT_LIMIT_S = 5;
/** Nodes asked at a time. */
const MAX_AT_ONCE = 8;
/** ssh's own exit code: it did not get there. */
const EXIT_SSH = 255;

/** What matters in nova.conf; it holds passwords, so nothing else of it leaves the node. */
const NOVA_KEYS = ['resume_guests_state_on_host_boot', 'host', 'instances_path', 'images_type'];
const DEFAULT_INSTANCES_PATH = '/var/lib/nova/instances';

/** Asked of a node on its shell's standard input: no quoting, and nothing that may not be called on a remote node. */
const QUESTIONS = `
command -v instance-ha > /dev/null && echo "version $(instance-ha --version)"
for file in ${AGENTS.join(' ')}; do [ -e "$file" ] || echo "missing $file"; done
for file in ${NOVA_CONFS.join(' ')}; do
  [ -r "$file" ] || continue
  echo "conf $file"
  grep -E '^[[:space:]]*(${NOVA_KEYS.join('|')})[[:space:]]*=' "$file" | sed 's/^/line /'
  path=$(sed -n 's/^[[:space:]]*instances_path[[:space:]]*=[[:space:]]*//p' "$file" | tail -n 1)
  stat -f -c 'filesystem %T' "\${path:-${DEFAULT_INSTANCES_PATH}}" 2> /dev/null
  break
done
echo end
`;

/** Asks nodes by ssh, as the user who calls: by keys, never by a password. */
export async function gatherNodes(
  run: RunTool,
  nodes: readonly string[],
): Promise<ReadonlyMap<string, Maybe<NodeFacts>>> {
  const open = [...nodes];
  const found = new Map<string, Maybe<NodeFacts>>();
  while (open.length > 0) {
    const batch = open.splice(0, MAX_AT_ONCE);
    const answers = await Promise.all(batch.map((node) => askNode(run, node)));
    for (const [at, node] of batch.entries()) found.set(node, answers[at] ?? unknown('not asked'));
  }
  return found;
}

async function askNode(run: RunTool, node: string): Promise<Maybe<NodeFacts>> {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(node)) return unknown('its name is none for ssh');
  const options = ['-o', 'BatchMode=yes', '-o', `ConnectTimeout=${CONNECT_LIMIT_S}`];
  const output = await run('ssh', [...options, node, 'sh', '-s'], {
    timeoutMs: SSH_LIMIT_MS,
    input: QUESTIONS,
  });
  if (!output.ok) return unknown(explain(output.error));
  if (output.value.exitCode === EXIT_SSH) return unknown(lastWords(output.value) || 'ssh did not get there');
  return parseAnswer(output.value.stdout);
}

function parseAnswer(text: string): Maybe<NodeFacts> {
  const lines = text.split('\n');
  if (!lines.includes('end')) return unknown('its answer breaks off');
  const all = (word: string): string[] =>
    lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1).trim());
  const [path] = all('conf');
  return known({
    version: all('version')[0] ?? null,
    missing: all('missing'),
    novaConf: path === undefined ? null : { path, lines: all('line') },
    instancesOn: all('filesystem')[0] ?? null,
  });
}
