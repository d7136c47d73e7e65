import type { FenceAgent, FenceParameter } from '../pacemaker/fence-agent.ts';
import { FENCE_CREDENTIALS } from './credential-tables.ts';
import { VERSION } from './version.ts';

const UNUSED = 'Accepted for compatibility, without effect: ';

/** What both agents have; the names are those of fence-agents' fence_compute.py and fence_evacuate.py. */
const SHARED: readonly FenceParameter[] = [
  {
    name: 'plug',
    obsolete: ['port'],
    letter: 'n',
    placeholder: 'id',
    type: 'string',
    shortdesc: 'The node, by its name in the cluster; without it "nodename", which Pacemaker gives',
  },
  ...FENCE_CREDENTIALS,
  {
    name: 'domain',
    letter: 'd',
    placeholder: 'string',
    type: 'string',
    shortdesc: `${UNUSED}nova-evacuate maps node names to Nova hosts (its own parameter domain)`,
  },
  {
    name: 'compute_domain',
    obsolete: ['compute-domain'],
    placeholder: 'string',
    type: 'string',
    shortdesc: `${UNUSED}replaced by domain`,
  },
  {
    name: 'instance_filtering',
    type: 'boolean',
    default: 'True',
    shortdesc: `${UNUSED}nova-evacuate decides which instances are evacuated`,
  },
  {
    name: 'no_shared_storage',
    type: 'boolean',
    default: 'False',
    shortdesc: `${UNUSED}nova-evacuate decides about storage`,
  },
];

const RECORD_ONLY: FenceParameter = {
  name: 'record_only',
  letter: 'r',
  placeholder: 'word',
  type: 'string',
  default: 'False',
  shortdesc:
    'With "disabled" (or 2) nothing is recorded, so nothing is evacuated; on, off and reboot succeed all the same. Other words have no effect',
};

function actionParameter(fallback: string): FenceParameter {
  return {
    name: 'action',
    letter: 'o',
    placeholder: 'action',
    type: 'string',
    default: fallback,
    shortdesc: 'Fencing action',
  };
}

/** fence_compute as Pacemaker, pcs and the stock agent's users know it. */
export const FENCE_COMPUTE: FenceAgent = {
  name: 'fence_compute',
  version: VERSION,
  shortdesc: 'Fence agent for the automatic resurrection of OpenStack compute instances',
  longdesc:
    'Second device of a fencing level, after the one that cuts the power. "off" records, in the cluster alone, that the ' +
    'node was fenced and its instances are to be evacuated; nova-evacuate does the rest. "on" (unfencing) succeeds once ' +
    'the node may come back. Neither of them talks to OpenStack, so fencing works while its API is down; credentials, ' +
    'where given, are only tried by monitor (a warning) and validate-all.',
  defaultAction: 'off',
  actions: [
    { name: 'on', automatic: true },
    { name: 'off' },
    { name: 'reboot' },
    { name: 'status' },
    { name: 'list' },
    { name: 'list-status' },
    { name: 'monitor' },
    { name: 'metadata' },
    { name: 'manpage' },
    { name: 'validate-all' },
  ],
  parameters: [actionParameter('off'), ...SHARED, RECORD_ONLY],
};

/** fence_evacuate, for those who evacuate a host by hand. */
export const FENCE_EVACUATE: FenceAgent = {
  name: 'fence_evacuate',
  version: VERSION,
  shortdesc: 'Evacuates the instances of a dead OpenStack compute node, through the cluster',
  longdesc:
    'For people: "off" (or "reboot") has the cluster fence a node that is already dead, so that its power is confirmed ' +
    'off and it is recorded for nova-evacuate, which does the rest. It refuses a node that is online. It sends no ' +
    'request to Nova itself, so it can never evacuate an instance that nova-evacuate is evacuating.',
  defaultAction: 'reboot',
  actions: [
    { name: 'on', automatic: false },
    { name: 'off' },
    { name: 'reboot' },
    { name: 'status' },
    { name: 'list' },
    { name: 'list-status' },
    { name: 'monitor' },
    { name: 'metadata' },
    { name: 'manpage' },
    { name: 'validate-all' },
  ],
  parameters: [actionParameter('reboot'), ...SHARED],
};
