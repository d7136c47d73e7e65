import type { Facts } from '../facts.ts';
import { type Check, type Problem, warning } from '../finding.ts';

/** What a line of a log means. One meaning is told once, with how often it was seen. */
interface Pattern {
  readonly line: RegExp;
  readonly means: string;
  readonly fix: string;
}

/** Words of corosync 3, pacemaker 2, fence-agents, nova and this project; the newest lines only are looked at. */
const PATTERNS: readonly Pattern[] = [
  {
    line: /\b401\b.*(Unauthorized|HTTP)|The request you have made requires authentication|refused the login/i,
    means: 'Keystone refuses the credentials',
    fix: 'see the check credentials',
  },
  {
    line: /Policy doesn.t allow|\b403\b.*Forbidden/i,
    means: 'the user lacks a role',
    fix: 'see the check credentials',
  },
  {
    line: /certificate (verify failed|is not trusted)|CERTIFICATE_VERIFY_FAILED|SELF_SIGNED_CERT/i,
    means: 'a certificate is not trusted',
    fix: 'set OS_CACERT in the rc_file',
  },
  {
    line: /Unable to establish IPMI v2|Unable to get Chassis Power Status|ipmitool.*(timed out|timeout)/i,
    means: 'a BMC does not answer, or not with this password',
    fix: 'see the check connectivity',
  },
  {
    line: /Operation 'off'.*(failed|returned -?[1-9])|Failed to (off|reboot)|Could not fence|fencing.*failed after/i,
    means: 'a fencing failed',
    fix: 'stonith_admin --history NODE --verbose; see the check connectivity',
  },
  {
    line: /Too many failures \(\d+\) to fence/i,
    means: 'Pacemaker has given a fencing up until the next recheck',
    fix: 'repair the device; cluster-recheck-interval=60s makes the wait short',
  },
  {
    line: /Compute service of .* is still in use/i,
    means: 'Nova refused an evacuation because it took the host for up',
    fix: 'the evacuator forces the service down first: is another tool evacuating as well?',
  },
  {
    line: /No valid host was found/i,
    means: 'an evacuation found no room',
    fix: 'see the check capacity; instance-ha plan HOST',
  },
  {
    line: /No compute host.*name|no compute host with this node's name/i,
    means: "a node's name is none of Nova's hosts",
    fix: 'see the check names',
  },
  {
    line: /quorum lost|Without quorum|lost quorum|no quorum/i,
    means: 'this partition had no quorum for a time',
    fix: 'corosync-quorumtool -s; see the network between the controllers',
  },
  {
    line: /A processor failed, forming new configuration|Token has not been received/i,
    means: 'a controller was not heard for a time',
    fix: 'network or load between the controllers; the token timeout of corosync',
  },
  {
    line: /Corosync main process was not scheduled for/i,
    means: 'a controller was overloaded or paused',
    fix: 'look at the load, and at snapshots or migrations if it is a virtual machine',
  },
  {
    line: /crit(ical)?: .*(stonith|fenc)|STONITH.*not (configured|enabled)/i,
    means: 'Pacemaker complains about its fencing',
    fix: 'see the check connectivity',
  },
  {
    line: /error: .*pacemaker-remote|lost connection to (remote )?node/i,
    means: 'the connection to a compute was lost',
    fix: 'was it a death? instance-ha history',
  },
  {
    line: /the evacuator (has died|makes no progress|ended at once)/i,
    means: 'the evacuator had to be started again',
    fix: 'tail /var/log/instance-ha/evacuator.log',
  },
  {
    line: /ended by an unexpected error/i,
    means: 'a bug of ours',
    fix: 'report it with the trace in /var/log/instance-ha/evacuator.log',
  },
  {
    line: /MessagingTimeout|AMQP server .* (unreachable|closed the connection)/i,
    means: "Nova's message bus does not answer",
    fix: 'look at RabbitMQ: evacuations hang without it',
  },
  {
    line: /ConnectFailure.*neutron|Connection to neutron failed|NeutronAdminCredentialConfigurationInvalid/i,
    means: 'Nova does not reach Neutron: servers can not be listed, evacuations hang',
    fix: 'look at neutron-server',
  },
  { line: /No space left on device/i, means: 'a disk is full', fix: 'df -h' },
];

/** The third: what do the logs say? */
export const errors: Check = {
  id: 'errors',
  needs: [],
  title: 'the logs have no known trouble in them',
  looksAt:
    'the newest lines of pacemaker.log, corosync.log, evacuator.log and of the Nova logs that are on this controller',
  run: (facts) => facts.local.logs.flatMap((log) => PATTERNS.flatMap((pattern) => seen(log, pattern))),
};

function seen(log: Facts['local']['logs'][number], pattern: Pattern): Problem[] {
  const hits = log.lines.filter((line) => pattern.line.test(line));
  const last = hits.at(-1);
  if (last === undefined) return [];
  return [warning(`${log.path}: ${pattern.means} (${hits.length} times, last: ${short(last)})`, pattern.fix)];
}

const MAX_SHOWN_CHARS = 160;

function short(line: string): string {
  const flat = line.replace(/\s+/g, ' ').trim();
  return flat.length <= MAX_SHOWN_CHARS ? flat : `${flat.slice(0, MAX_SHOWN_CHARS)}...`;
}
