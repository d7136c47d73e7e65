/** The agent that records; it turns nothing off. */
export const RECORDER = 'fence_compute';

const CRASH_MESSAGE = 'it takes a message that claims to be from the crashed host for its fencing';
const STORAGE = 'it takes its storage away, and its guests run on';
const NETWORK = 'it takes its network away, and its guests run on';
const LOOKS_ONLY = 'it only looks whether something answers';
const FOR_TESTING = 'it is for testing';
const TELLS_NOVA = 'it only tells others that the host is down';
const ASKS_THE_HOST = 'it asks the host itself, and nobody confirms that its power is off';

/**
 * Agents whose success does not say that the machine is off, with what they do instead. A storage or a network that is
 * gone is no proof: guests with local disks work on, and their addresses are there twice when they are started elsewhere.
 * fence_sbd and fence_watchdog are not here: their machine resets itself, and they wait until it has.
 *
 * Read in fence-agents (`agents/NAME/fence_NAME.py`, `agents/kdump/fence_kdump.c` do_action_off; `fabric_fencing` marks
 * those that cut a link), sanlock (`fence_sanlock/fence_sanlock.in` action_off) and, without the prefix, in cluster-glue
 * (`lib/plugins/stonith/`), whose plugins Pacemaker runs by fence_legacy.
 */
const TURNS_NOTHING_OFF: ReadonlyMap<string, string> = new Map([
  ['fence_kdump', CRASH_MESSAGE],
  ['fence_scsi', STORAGE],
  ['fence_mpath', STORAGE],
  ['fence_brocade', STORAGE],
  ['fence_cisco_mds', STORAGE],
  ['fence_sanbox2', STORAGE],
  ['fence_mcdata', STORAGE],
  ['fence_vixel', STORAGE],
  ['fence_ifmib', NETWORK],
  ['fence_aws_vpc', NETWORK],
  ['fence_aws_vpc_net', NETWORK],
  ['fence_azure_arm_network', NETWORK],
  ['fence_heuristics_ping', LOOKS_ONLY],
  ['fence_heuristics_resource', LOOKS_ONLY],
  ['fence_crosslink', LOOKS_ONLY],
  ['fence_dummy', FOR_TESTING],
  ['fence_recorder', 'it only writes down what it is asked for'],
  [RECORDER, TELLS_NOVA],
  ['fence_evacuate', TELLS_NOVA],
  ['fence_sanlock', 'it takes a host that holds no lease for off'],
  ['null', FOR_TESTING],
  ['ssh', ASKS_THE_HOST],
  ['suicide', ASKS_THE_HOST],
  ['external/ssh', ASKS_THE_HOST],
  ['external/kdumpcheck', CRASH_MESSAGE],
]);

/** Why the success of a fence agent does not prove that a machine is off; null: as far as is known, it does. */
export function whyNoPower(agent: string): string | null {
  return TURNS_NOTHING_OFF.get(agent) ?? null;
}
