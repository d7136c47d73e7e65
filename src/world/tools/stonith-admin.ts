import { after } from '../agenda.ts';
import { devicesOf, escapeAttribute } from '../cib.ts';
import { confirmByHand, fenceByHand } from '../fencing.ts';
import { seenFrom } from '../membership.ts';
import type { FenceRecord, World } from '../model.ts';
import {
  type Called,
  counted,
  DISCONNECTED,
  exits,
  fails,
  NO_SUCH,
  printedTime,
  readCall,
  says,
  type ToolResult,
  USAGE,
  VERSION,
} from './answer.ts';

const GRAMMAR = {
  names: {
    ...{ '-H': 'history', '--history': 'history', '-V': 'verbose', '--verbose': 'verbose', '--tag': 'tag' },
    ...{
      '-B': 'reboot',
      '--reboot': 'reboot',
      '-F': 'off',
      '--fence': 'off',
      '-C': 'confirm',
      '--confirm': 'confirm',
    },
    ...{ '-l': 'list', '--list': 'list', '-L': 'registered', '--list-registered': 'registered' },
    ...{ '-t': 'timeout', '--timeout': 'timeout', '--output-as': 'output', '--version': 'version' },
  },
  values: ['history', 'tag', 'reboot', 'off', 'confirm', 'list', 'timeout', 'output'],
};

/** A fencing by hand is looked after this often, ms, and at most so many times. */
const LOOK_MS = 200;
const MAX_LOOKS = 600;

/** tools/stonith_admin.c */
export function stonithAdmin(world: World, on: string, args: readonly string[]): ToolResult {
  const call = readCall('stonith_admin', args, GRAMMAR);
  if ('exitCode' in call) return call;
  const { options } = call;
  if (options.has('version')) return exits(0, VERSION);
  if (seenFrom(world, on) === null) return fails(call, DISCONNECTED, 'Could not connect to fencer');
  const history = options.get('history');
  if (history !== undefined) return tellHistory(world, call, history);
  if (options.has('registered')) return tellDevices(world, call, undefined);
  const target = options.get('list');
  if (target !== undefined) return tellDevices(world, call, target);
  const confirmed = options.get('confirm');
  if (confirmed !== undefined) {
    confirmByHand(world, confirmed, on);
    return says(call, { xml: [], text: '' });
  }
  for (const action of ['reboot', 'off'] as const) {
    const node = options.get(action);
    if (node !== undefined) return fence(world, call, action, node);
  }
  return fails(call, USAGE, 'not in the lab');
}

/** The fencers' memory, pending first, then the newest; times in whole seconds. `*` is all of them. */
function tellHistory(world: World, call: Called, node: string): ToolResult {
  const { history } = world.cluster;
  const events = (node === '*' ? [...history.keys()] : [node])
    .flatMap((target) => (history.get(target) ?? []).map((record) => ({ target, record })))
    .sort((a, b) => (b.record.completedAt ?? Number.MAX_VALUE) - (a.record.completedAt ?? Number.MAX_VALUE));
  // Without --verbose 2.1.5 shows a single event, the oldest success (lib/pacemaker/pcmk_fence.c pcmk__fence_history).
  const oldest = events.findLast(({ record }) => record.status === 'success');
  const shown = call.options.has('verbose') ? events : oldest === undefined ? [] : [oldest];
  return says(
    call,
    counted('fencing history', ['event', 'events'], {
      xml: shown.map(({ target, record }) => eventXml(target, record)),
      text: shown.map(({ target, record }) => eventText(target, record)),
    }),
  );
}

/** The devices, or those that can fence a node; names count without regard to case (daemons/fenced/fenced_commands.c). */
function tellDevices(world: World, call: Called, node: string | undefined): ToolResult {
  const wanted = node?.toLowerCase();
  const ids = devicesOf(world)
    .filter(({ targets }) => wanted === undefined || targets.some((name) => name.toLowerCase() === wanted))
    .map(({ id }) => id);
  return says(
    call,
    counted('registered fence devices', ['fence device', 'fence devices'], {
      xml: ids.map((id) => `<item name="device">${id}</item>`),
      text: ids,
    }),
  );
}

/** A `fence_event` as stonith_admin and crm_mon 2.1.5 have it (lib/fencing/st_output.c stonith_event_xml); what is pending has no end. */
export function eventXml(
  target: string,
  { action, client, origin, status, delegate, completedAt }: FenceRecord,
): string {
  const who = delegate === null ? '' : ` delegate="${escapeAttribute(delegate)}"`;
  const when =
    completedAt === null ? ' extended-status="1"' : `${who} completed="${printedTime(completedAt)}"`;
  return `<fence_event action="${action}" target="${target}" client="${client}" origin="${origin}" status="${status}"${when}/>`;
}

function eventText(
  target: string,
  { action, client, origin, status, delegate, completedAt }: FenceRecord,
): string {
  // lib/fencing/st_client.c stonith_action_str
  const what = `${action === 'off' ? 'turning off' : action === 'on' ? 'unfencing' : action} of ${target}`;
  if (completedAt === null) return `${what} pending: client=${client}, origin=${origin}`;
  const how =
    status === 'success' ? `successful: delegate=${delegate}, client=${client}` : `failed: client=${client}`;
  return `${what} ${how}, origin=${origin}, completed='${printedTime(completedAt)}'`;
}

/** Asks for it, and waits for its end. */
function fence(world: World, call: Called, action: 'reboot' | 'off', node: string): ToolResult {
  const record = fenceByHand(world, node, action);
  const refused = fails(call, NO_SUCH, `Couldn't fence ${node}: No such device`);
  if (record === null) return refused;
  return (reply) => {
    const look = (left: number): void => {
      if (record.status === 'success') reply(says(call, { xml: [], text: '' }));
      else if (record.status === 'failed') reply(refused);
      else if (left > 0) after(world.agenda, LOOK_MS, () => look(left - 1));
    };
    look(MAX_LOOKS);
  };
}
