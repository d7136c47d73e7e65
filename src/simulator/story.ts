import { HOLD_ATTRIBUTE, RELEASE_ATTRIBUTE } from '../core/records.ts';
import type { Fact } from '../world/facts.ts';
import type { World } from '../world/model.ts';
import type { Audience } from './watch.ts';

/** A run as lines that an operator can read: what happened in the world, and what the evacuator said. */
export interface Story {
  readonly audience: Audience;
  readonly lines: string[];
}

/** `detail`: every instance's steps too; otherwise only where they end. */
export function tellStory(detail: boolean): Story {
  const lines: string[] = [];
  const write = (atMs: number, who: string, text: string): void => {
    lines.push(`${clock(atMs)}  ${who.padEnd(13)}  ${text}`);
  };
  return {
    lines,
    audience: {
      fact(atMs, fact, world) {
        const told = inWords(fact, world, detail);
        if (told !== null) write(atMs, told[0], told[1]);
      },
      line(atMs, process, line) {
        if (!detail && line.server !== undefined && !TOLD_OF_SERVERS.test(line.msg)) return;
        const about = line.node ?? line.host;
        const text = about === undefined ? line.msg : `${about}: ${line.msg}`;
        write(atMs, 'evacuator', `${line.level === 'info' ? '' : `${line.level}: `}${text}`);
        void process;
      },
    },
  };
}

/** How an instance ends, what is done to it besides its evacuation, and what a person has to do. */
const TOLD_OF_SERVERS = /\((moved|failed|cannot|gone)\)|^stopping |openstack server evacuate/;

/** `MM:SS.mmm` of the run. */
function clock(ms: number): string {
  const pad = (value: number, digits: number): string => String(Math.floor(value)).padStart(digits, '0');
  return `${pad(ms / 60_000, 2)}:${pad((ms / 1000) % 60, 2)}.${pad(ms % 1000, 3)}`;
}

/** Who it is about, and what happened; null: not told. */
function inWords(fact: Fact, world: World, detail: boolean): readonly [string, string] | null {
  const nameOf = (server: string): string => world?.nova.instances.get(server)?.name ?? server;
  switch (fact.kind) {
    case 'power':
      return [fact.machine, `power ${fact.on ? 'on' : 'off'} (${fact.by})`];
    case 'os':
      return [
        fact.machine,
        fact.state === 'up' ? 'is up' : fact.state === 'down' ? `goes down: ${fact.why}` : 'boots',
      ];
    case 'network':
      return [fact.machine, fact.isolated ? 'is cut off from the network' : 'is back on the network'];
    case 'guest':
      return detail ? [fact.host, `guest ${nameOf(fact.server)} ${fact.state}`] : null;
    case 'nova-compute':
      return [fact.host, `nova-compute ${fact.state}`];
    case 'service':
      return [fact.host, `service ${fact.what} by ${fact.by}`];
    case 'migration': {
      if (!detail && !['error', 'failed'].includes(fact.status)) return null;
      const to = fact.dest === null ? '' : ` to ${fact.dest}`;
      return [
        'nova',
        `evacuation ${fact.id} of ${nameOf(fact.server)} from ${fact.source}${to}: ${fact.status}`,
      ];
    }
    case 'instance':
      return detail
        ? [
            'nova',
            `${nameOf(fact.server)} on ${fact.host}: ${fact.vmState}/${fact.taskState ?? '-'} (${fact.why})`,
          ]
        : null;
    case 'request': {
      if (fact.status < 400 && (!detail || fact.method === 'GET')) return null;
      const path = fact.path.replace(/^\/(compute\/v2\.1|identity\/v3)/, '');
      return ['api', `${fact.by}: ${fact.method} ${path} -> ${fact.status}`];
    }
    case 'membership':
      return ['corosync', `members ${fact.members.join(', ') || 'none'}${fact.quorum ? '' : ': no quorum'}`];
    case 'remote':
      return [fact.node, fact.online ? 'rejoins the cluster' : 'is lost to the cluster'];
    case 'fencing':
      return ['fencer', `${fact.node}: ${fact.step}${fact.ok === false ? ' (failed)' : ''}`];
    case 'attribute':
      return tellAttribute(fact);
    case 'property':
      return ['property', `${fact.name} ${fact.value === null ? 'gone' : `= ${fact.value}`}`];
    case 'resource':
      return [fact.node, `${fact.resource} ${fact.state}`];
    case 'operator':
    case 'fault':
      return [fact.kind, fact.what];
    default:
      return fact satisfies never;
  }
}

function tellAttribute(fact: Extract<Fact, { kind: 'attribute' }>): readonly [string, string] | null {
  const { node, name, value } = fact;
  if (value === null) return ['attribute', `${node}: ${name} gone (${fact.by})`];
  if (name === HOLD_ATTRIBUTE) return [node, 'asks to be let go'];
  // The token names the boot; what counts is the word and the reason.
  if (name === RELEASE_ATTRIBUTE)
    return ['attribute', `${node}: ${name} = ${value.replace(/^(\w+) \S+/, '$1')}`];
  const short = value.replace(/^v=1,/, '').replace(/(incident|id)=[^,]+,/, '');
  const words = short.length > 90 ? `${short.slice(0, 90)}...` : short;
  return ['attribute', `${node}: ${name} = ${words}`];
}
