/** Text of the rig's logs and tools → events and views. Pure; a line that can't be read is left out. */
import { parseXml, type XmlElement } from '@rgrove/parse-xml';
import type {
  AlertEvent,
  BmcEvent,
  FrontEvent,
  FrontWhat,
  GuestEvent,
  NodeEvent,
  RequestEvent,
} from './events.ts';

/** `KEY=VALUE` lines, with or without quotes around the value; `#` begins a comment line, a leading `export` is left out. */
export function parseEnvFile(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const raw of text.split('\n')) {
    const line = raw.trim().replace(/^export\s+/, '');
    const at = line.indexOf('=');
    if (line.startsWith('#') || at < 1) continue;
    values.set(line.slice(0, at), line.slice(at + 1).replace(/^(["'])(.*)\1$/, '$2'));
  }
  return values;
}

/** An rc file of OpenStack may carry several assignments in one `export` line. */
export function parseRcFile(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const match of text.matchAll(/\b(OS_[A-Z_]+)=("[^"]*"|'[^']*'|\S*)/g)) {
    values.set(match[1] ?? '', (match[2] ?? '').replace(/^(["'])(.*)\1$/, '$2'));
  }
  return values;
}

const BMC_ACTIONS: Readonly<Record<string, BmcEvent['action']>> = {
  'power off begin': 'off-begin',
  'power off done': 'off',
  'power on begin': 'on-begin',
  'power on done': 'on',
};

/** `EPOCH DATE TIME.MS NODE TEXT`, as the BMCs' chassis hook writes it. */
export function parseChassisLine(line: string): BmcEvent | null {
  const match = /^(\d+) \S+ \S*\.(\d{3}) (\S+) (.+)$/.exec(line);
  if (!match) return null;
  const [, seconds, ms, node = '', text = ''] = match;
  const at = Number(seconds) + Number(ms) / 1000;
  return { kind: 'bmc', at, node, action: BMC_ACTIONS[text] ?? 'other', text };
}

/** `EPOCH.MS NODE WHAT`. */
export function parseNodeLine(line: string): NodeEvent | null {
  const match = /^(\d+\.\d+) (\S+) (\S+)/.exec(line);
  return match ? { kind: 'node', at: Number(match[1]), node: match[2] ?? '', what: match[3] ?? '' } : null;
}

/** `EPOCH.MS HOST EVENT UUID [MORE]`. */
export function parseGuestLine(line: string): GuestEvent | null {
  const match = /^(\d+\.\d+) (\S+) (\S+) (\S+) ?(.*)$/.exec(line);
  if (!match) return null;
  const [, at, host = '', what = '', server = '', text = ''] = match;
  return { kind: 'guest', at: Number(at), host, what, server, text };
}

const REQUEST_LINE =
  /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d\.\d+) .*requestlog .*\] (\S+) "(\w+) (\S+)" status: (\d+) .*time: ([\d.]+)/;

/** A line of nova-api's request log (`nova/api/openstack/requestlog.py`); it is written when the answer is ready, in local time. */
export function parseRequestLine(line: string): RequestEvent | null {
  const match = REQUEST_LINE.exec(line);
  if (!match) return null;
  const [, date, time, client = '', method = '', path = '', status, seconds] = match;
  const written = Date.parse(`${date}T${time?.slice(0, 12)}`) / 1000;
  if (Number.isNaN(written)) return null;
  const took = Number(seconds);
  return { kind: 'request', at: written - took, client, method, path, status: Number(status), seconds: took };
}

const FRONT_WHATS: ReadonlySet<string> = new Set<FrontWhat>([
  'ready',
  'told',
  'lost',
  'closed',
  'refused',
  'open',
  'spoilt',
  'unauthorized',
]);

/** A JSON line of the front before nova-api. */
export function parseFrontLine(line: string): FrontEvent | null {
  const value = parseObject(line);
  if (value === null || typeof value.at !== 'number' || !FRONT_WHATS.has(String(value.what))) return null;
  return {
    kind: 'front',
    at: value.at,
    what: value.what as FrontWhat,
    client: String(value.client ?? ''),
    method: String(value.method ?? ''),
    path: String(value.path ?? ''),
    status: Number(value.status ?? 0),
  };
}

function parseObject(line: string): Record<string, unknown> | null {
  if (!line.startsWith('{')) return null;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return null;
  }
}

/** Blocks of `CRM_alert_*` variables, each under a line that begins with `===`. Several controllers report the same thing. */
export function parseAlerts(text: string): AlertEvent[] {
  const events: AlertEvent[] = [];
  for (const block of text.split(/^===.*$/m)) {
    const values = new Map<string, string>();
    for (const line of block.split('\n')) {
      const match = /^CRM_alert_(\w+)=(.*)$/.exec(line);
      if (match) values.set(match[1] ?? '', match[2] ?? '');
    }
    const seconds = Number(values.get('timestamp_epoch') ?? Number.NaN);
    if (!values.has('kind') || Number.isNaN(seconds)) continue;
    const get = (key: string): string => values.get(key) ?? '';
    events.push({
      kind: 'alert',
      at: seconds + Number(get('timestamp_usec') || 0) / 1e6,
      alert: get('kind'),
      node: get('node'),
      resource: get('rsc'),
      task: get('task'),
      rc: get('rc'),
      targetRc: get('target_rc'),
      text: get('desc'),
    });
  }
  return events;
}

/** How far apart two controllers may report one and the same thing. */
const SAME_ALERT_S = 2;

/** One of each alert: every controller reports a fencing, and members report nodes. */
export function withoutRepeats(
  alerts: readonly AlertEvent[],
  seen: readonly AlertEvent[] = [],
): AlertEvent[] {
  const key = (e: AlertEvent): string => [e.alert, e.node, e.resource, e.task, e.rc, e.text].join('\0');
  const kept: AlertEvent[] = [...seen];
  const fresh: AlertEvent[] = [];
  for (const alert of alerts) {
    if (kept.some((other) => key(other) === key(alert) && Math.abs(other.at - alert.at) < SAME_ALERT_S))
      continue;
    kept.push(alert);
    fresh.push(alert);
  }
  return fresh;
}

/** All elements below `element` with this name. */
function descendants(element: XmlElement, name: string): XmlElement[] {
  const found: XmlElement[] = [];
  const visit = (parent: XmlElement): void => {
    for (const child of parent.children) {
      if (child.type !== 'element') continue;
      const below = child as XmlElement;
      if (below.name === name) found.push(below);
      visit(below);
    }
  };
  visit(element);
  return found;
}

/** The outermost element of an XML text, or null when it is none. */
function rootOf(text: string): XmlElement | null {
  const begin = text.indexOf('<');
  if (begin < 0) return null;
  try {
    return parseXml(text.slice(begin)).root;
  } catch {
    return null;
  }
}

/** Exit codes with which attrd_updater answers; 78: nobody has ever set this attribute. */
const ATTRD_ANSWERS: ReadonlySet<string> = new Set(['0', '78']);

/**
 * `attrd_updater -n NAME -A --output-as=xml`: node → value; an attribute that is set to nothing is left out.
 * null: no answer, which is not the same as "not set".
 */
export function parseAttrd(text: string): Map<string, string> | null {
  const root = rootOf(text);
  const code = root === null ? '' : (descendants(root, 'status')[0]?.attributes.code ?? '');
  if (root === null || !ATTRD_ANSWERS.has(code)) return null;
  const values = new Map<string, string>();
  for (const element of descendants(root, 'attribute')) {
    const host = element.attributes.host ?? element.attributes.node;
    const value = element.attributes.value ?? '';
    if (host !== undefined && value !== '') values.set(host, value);
  }
  return values;
}

/** `cibadmin -Q -o nodes`: node → permanent attributes. null: not readable. */
export function parseNodeAttributes(text: string): Map<string, Map<string, string>> | null {
  const root = rootOf(text);
  if (!root) return null;
  const nodes = new Map<string, Map<string, string>>();
  for (const node of [...(root.name === 'node' ? [root] : []), ...descendants(root, 'node')]) {
    const values = new Map<string, string>();
    for (const pair of descendants(node, 'nvpair')) {
      values.set(pair.attributes.name ?? '', pair.attributes.value ?? '');
    }
    nodes.set(node.attributes.uname ?? '', values);
  }
  return nodes;
}

/** What `crm_mon -1 --output-as=xml` says, as far as a drill looks at it. */
export interface ClusterStatus {
  /** node → online, offline, unclean, pending. */
  readonly nodes: ReadonlyMap<string, string>;
  /** resource (of a clone: its primitive) → the nodes it is started on. */
  readonly started: ReadonlyMap<string, readonly string[]>;
  /** Operations that are under way, as "RESOURCE OPERATION on NODE"; Pacemaker names the operation only. */
  readonly pending: readonly string[];
  /** Failed actions as "RESOURCE_OP on NODE: reason". */
  readonly failures: readonly string[];
}

/** null: not readable. */
export function parseCrmMon(text: string): ClusterStatus | null {
  const root = rootOf(text);
  if (!root) return null;
  const nodes = new Map<string, string>();
  const nodeList = descendants(root, 'nodes')[0];
  if (!nodeList) return null;
  for (const node of descendants(nodeList, 'node')) {
    const { name = '', online, unclean, pending } = node.attributes;
    nodes.set(
      name,
      unclean === 'true'
        ? 'unclean'
        : pending === 'true'
          ? 'pending'
          : online === 'true'
            ? 'online'
            : 'offline',
    );
  }
  const started = new Map<string, string[]>();
  const pending: string[] = [];
  const listed = descendants(root, 'resources')[0];
  for (const resource of listed ? descendants(listed, 'resource') : []) {
    const { id = '', role = '', failed, pending: operation } = resource.attributes;
    const on = descendants(resource, 'node').map((node) => node.attributes.name ?? '');
    const known = started.get(id) ?? [];
    if (role === 'Started' && failed !== 'true') known.push(...on);
    started.set(id, known);
    if (operation !== undefined)
      pending.push(`${id} ${operation}${on.length > 0 ? ` on ${on.join(', ')}` : ''}`);
  }
  const failures = descendants(root, 'failure').map((failure) => {
    const a = failure.attributes;
    return `${a.op_key ?? a.id ?? '?'} on ${a.node ?? '?'}: ${a.exitreason || a.exitstatus || '?'}`;
  });
  return { nodes, started, pending, failures };
}

/** A line of the evacuator's log that a drill understands. */
export interface ProductLine {
  /** Epoch, seconds; 0 when the line does not say. */
  readonly at: number;
  readonly controller: string;
  readonly node: string | null;
  readonly server: string | null;
  readonly text: string;
}

/** A JSON line of the evacuator's log, or null. */
export function parseProductLine(line: string, controller: string): ProductLine | null {
  const record = parseObject(line);
  if (record === null) return null;
  const text = [record.msg, record.reason]
    .filter((part) => typeof part === 'string' && part !== '')
    .join(': ');
  if (text === '') return null;
  const time = typeof record.time === 'number' ? record.time : Date.parse(String(record.time ?? ''));
  return {
    at: Number.isNaN(time) ? 0 : time / 1000,
    controller,
    node: typeof record.node === 'string' ? record.node : null,
    server: typeof record.server === 'string' ? record.server : null,
    text,
  };
}

/** Whole lines of a growing text; what is left over waits for its end. */
export function splitLines(
  rest: string,
  chunk: string,
): { readonly lines: readonly string[]; readonly rest: string } {
  const parts = (rest + chunk).split('\n');
  const last = parts.pop() ?? '';
  return { lines: parts, rest: last };
}
