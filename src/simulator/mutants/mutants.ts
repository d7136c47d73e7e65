import type { FeatureName } from '../sites.ts';

export interface Edit {
  readonly file: string;
  /** Stands in the file exactly once, or the mutant is out of date. */
  readonly find: string;
  readonly put: string;
}

/** A deliberate bug: text in a source file that is replaced when the simulator is built for it, and nowhere else. */
export interface Mutant {
  readonly name: string;
  readonly edits: readonly Edit[];
  /** The first `within` seeds are those within which the simulator must catch it. */
  readonly within: number;
  /** The first that is run: those before it are known to miss it, and left out to save time. */
  readonly from: number;
  /** It shows only where operators have set this up: other seeds are not run; null: any. */
  readonly feature: FeatureName | null;
}

const mutant = (name: string, within: number, ...edits: readonly [string, string, string][]): Mutant => ({
  name,
  within,
  from: 1,
  feature: null,
  edits: edits.map(([file, find, put]) => ({ file: `src/${file}`, find, put })),
});

/** A bug so rare that the seeds before `from` miss it. */
const rare = (from: number, each: Mutant): Mutant => ({ ...each, from });

/** A bug that shows only where operators have set something up. */
const mutantOf = (
  feature: FeatureName,
  name: string,
  within: number,
  ...edits: readonly [string, string, string][]
): Mutant => ({ ...mutant(name, within, ...edits), feature });

/** Each is a bug that somebody has had, or could have. All must be caught; one that is not is a hole in the checkers. */
export const MUTANTS: readonly Mutant[] = [
  rare(
    501,
    mutant('a request without an answer counts as never sent', 700, [
      'evacuator/act.ts',
      "state: 'unknown', message, refusals",
      "state: 'unsent', message, refusals",
    ]),
  ),
  mutant('a request without an answer is repeated after the next look', 700, [
    'core/instance.ts',
    'return followedAt - at >= timing.requestSettleMs;',
    'return followedAt - at >= 0;',
  ]),
  mutant('an accepted request needs no record', 60, [
    'core/instance.ts',
    'return facts.evacuations.length > request.recordsBefore;',
    'return true || facts.evacuations.length > request.recordsBefore;',
  ]),
  mutant('moved is what Nova has accepted', 20, [
    'core/instance.ts',
    "return { kind: 'moving', to: moving.dest, ...(reason === null ? {} : { reason }) };",
    "return { kind: 'moved', to: moving.dest ?? facts.source };",
  ]),
  mutant('an evacuation whose destination is slow counts as lost', 40, [
    'core/deaths.ts',
    'evacuation.updatedAt < (deaths.get(evacuation.dest) ?? 0)',
    'evacuation.updatedAt < (deaths.get(evacuation.dest) ?? Number.POSITIVE_INFINITY)',
  ]),
  mutant('a successor does not wait for the last requests of a dead predecessor', 100, [
    'core/ownership.ts',
    '+ draft.policy.timing.takeoverSettleMs',
    '- draft.policy.timing.takeoverSettleMs',
  ]),
  mutant(
    'the host is released while evacuations are live',
    100,
    [
      'core/ledger.ts',
      'const over = left.length === 0 && judged.every((each) => each.live.length === 0);',
      "const over = left.every((each) => each.outcome.kind === 'moving');",
    ],
    ['core/ledger.ts', 'over && isListedAfterAll(draft, host)', 'over'],
  ),
  mutant('a boot is let go though its incident stands', 200, [
    'core/hold.ts',
    'export function isFree({ incident, evacuation, mark }: NodeView): boolean {',
    "export function isFree({ incident, evacuation, mark, online }: NodeView): boolean { if (online === true && mark !== 'yes') return true;",
  ]),
  mutant('silence lets nova-compute go', 200, [
    'agents/hold.ts',
    "if (answer === null) return { state: 'silent' };",
    "if (answer === null) return { state: 'released' };",
  ]),
  mutant('the second page is forgotten', 100, [
    'openstack/nova-channel.ts',
    'if (next === null || isEnough(answer.value.body.items))',
    'if (next !== undefined || isEnough(answer.value.body.items))',
  ]),
  mutant('every disabled service is enabled', 200, [
    'core/returning.ts',
    "} else if (isOurMarker(service.disabledReason) && record.before.status === 'enabled') {",
    "} else if (isOurMarker(service.disabledReason) || service.status === 'disabled') {",
  ]),
  mutant('every forced_down is cleared', 400, [
    'core/returning.ts',
    'const ourForce = !record.before.forcedDown && !isForcedByOthers(draft, node, service);',
    'const ourForce = true;',
  ]),
  mutant("an operator's reason is overwritten", 300, [
    'core/evacuating.ts',
    "const disable = record.before.status === 'enabled' && isEnabled;",
    'const disable = true;',
  ]),
  mutant('the service is never enabled again', 20, [
    'core/returning.ts',
    "const why = issueByNewList(draft, { kind: 'enable', host: service.host, serviceId: service.id });",
    'const why = null;',
  ]),
  mutant('the record stays for ever', 20, [
    'core/returning.ts',
    "{ kind: 'delete-evacuation', node: node.name, incident: record.incident },",
    "{ kind: 'clear-mark', node: node.name },",
  ]),
  mutant('fence_compute alone is proof enough', 400, [
    'core/proof.ts',
    'if (!node.powerFencedFirst) {',
    "if (!node.powerFencedFirst && incident.by === 'operator') {",
  ]),
  mutant(
    'nothing of an instance is written down',
    20,
    ['evacuator/act.ts', "...('server' in command ? { server: command.server } : {}),", ''],
    ['evacuator/record.ts', '        server: id,\n', ''],
  ),
  mutant('what cannot be moved is not named', 20, [
    'core/ledger.ts',
    'judged.map((each) =>\n    instanceVerdict(',
    "judged.filter((each) => each.outcome.kind !== 'cannot').map((each) =>\n    instanceVerdict(",
  ]),
  mutant('a failing instance is tried for ever', 200, [
    'core/instance.ts',
    'if (counted >= policy.retry.maxAttempts) {',
    'if (failures.length >= 1_000_000) {',
  ]),
  mutant('the password stands in the error', 200, [
    'openstack/tokens.ts',
    'const text = message ??',
    "const text = (credentials.kind === 'password' ? credentials.password : credentials.secret).reveal() + message ||",
  ]),
  mutant('a stopped instance that Nova has started stays started', 400, [
    'core/instance.ts',
    "const startedByNova = facts.wasStopped && server.vmState === 'active' && cameFromError;",
    'const startedByNova = false;',
  ]),
  rare(
    501,
    mutant('a partition without quorum goes on', 700, [
      'core/decide.ts',
      'if (!cluster.haveQuorum) {',
      'if (!cluster.haveQuorum && cluster.nodes.length === 0) {',
    ]),
  ),
  rare(
    1_301,
    mutant('the host is released without being listed once more', 1_400, [
      'core/ledger.ts',
      'over && isListedAfterAll(draft, host)',
      'over',
    ]),
  ),
  mutant('fence_compute records nothing', 20, [
    'agents/fence-compute.ts',
    'return isRecordingDisabled(request, ports) ? 0 : off(request, options, ports);',
    'return 0;',
  ]),
  mutantOf('reserves', 'a reserved host is claimed for two', 400, [
    'core/destinations.ts',
    'const taken = new Set([...claimed, ...claimsOf(cluster.nodes).map(({ host }) => host)]);',
    'const taken = new Set<HostName>();',
  ]),
  mutantOf('reserves', 'a reserved host that was not needed stays enabled', 800, [
    'core/destinations.ts',
    'return record.reserves.filter(',
    'return record.reserves.slice(0, 0).filter(',
  ]),
  rare(
    2_801,
    mutantOf('reserves', 'a reserved host that is given back stays in the aggregate', 2_900, [
      'core/destinations.ts',
      'leaveAggregate(draft, claim) ?? disableAgain(',
      'disableAgain(',
    ]),
  ),
  rare(
    1_101,
    mutantOf('reserves', 'a reserved host is given back while a request for it may come', 1_200, [
      'core/destinations.ts',
      'if (mayStillChange(draft, claim.host,',
      'if (claim.host === node.name && mayStillChange(draft, claim.host,',
    ]),
  ),
  mutantOf('reserves', 'a reserved host is given back with another reason', 900, [
    'core/destinations.ts',
    'reason: claim.reason',
    "reason: 'reserved'",
  ]),
  rare(
    2_601,
    mutantOf('reserves', 'a reserved host is enabled whoever has disabled it', 2_700, [
      'core/destinations.ts',
      "(service.status === 'enabled' || isReserved(service));",
      'true;',
    ]),
  ),
  mutantOf('order', 'priorities are not looked at', 200, [
    'core/priority.ts',
    'return first + priorityOf(server, policy);',
    'return first;',
  ]),
  mutantOf('order', 'lower ranks do not wait', 400, [
    'core/order.ts',
    'highestOpen > rank;',
    'highestOpen > 10_000;',
  ]),
  mutantOf('order', 'restart groups are not waited for', 200, [
    'core/restart-groups.ts',
    'const wait = whyNotReady(group, byGroup.get(group) ?? [], policy);',
    'const wait = null;',
  ]),
  mutantOf('order', 'a circle of restart groups is not broken', 400, [
    'core/restart-groups.ts',
    'if (start >= 0) {',
    'if (start >= 0) {\n        after.get(group)?.add(next);',
  ]),
  mutantOf('order', 'a group counts as ready as soon as it has arrived', 400, [
    'core/restart-groups.ts',
    'novaNow - arrivedAt < policy.readyMs;',
    'novaNow - arrivedAt < 0;',
  ]),
  mutantOf('server-groups', 'server groups are not waited for', 200, [
    'core/order.ts',
    'busy.claim(id);',
    'null;',
  ]),
  mutantOf('gates', 'a gate stops what is under way', 400, [
    'core/evacuating.ts',
    'const gate = isLetIn ? null : gates.admit(',
    'const gate = gates.admit(',
  ]),
  mutantOf('gates', 'one host more than the threshold has it may fail', 400, [
    'core/thresholds.ts',
    'down > limit.hosts)',
    'down > limit.hosts + 1)',
  ]),
  mutantOf('gates', 'one host more than the interval has it may begin', 400, [
    'core/gates.ts',
    'starts < startsPerInterval)',
    'starts <= startsPerInterval)',
  ]),
  mutantOf('pauses', 'a pause never ends', 200, ['core/gates.ts', 'pause.until <= now', 'pause.until <= 0']),
  mutantOf('pauses', 'a pause of one node is not looked at', 200, [
    'core/gates.ts',
    'const pause = paused ?? pausedNodes.get(node) ?? null;',
    'const pause = paused;',
  ]),
  mutantOf('gates', 'nobody stays in quarantine', 200, [
    'core/quarantine.ts',
    'if (recent < gates.quarantineIncidents) return null;',
    'if (recent < 1_000) return null;',
  ]),
  mutantOf('tags', 'a list of tags that can not be read has none', 400, [
    'core/selection.ts',
    'if (!a.known) return a;',
    'if (!a.known) return NO;',
  ]),
  mutantOf('tags', 'a property counts as a tag whatever it says', 400, [
    'core/selection.ts',
    'image.tags.includes(tag) || isTrue(image.properties[tag])',
    'image.tags.includes(tag) || image.properties[tag] !== undefined',
  ]),
  mutantOf('exclusions', 'who wants to be left alone is evacuated', 200, [
    'core/selection.ts',
    'if (isFalse(server.metadata[OPT_OUT_KEY])) {',
    "if (server.metadata[OPT_OUT_KEY] === 'never') {",
  ]),
  mutantOf('local-disks', 'nobody is asked before local disks are lost', 200, [
    'core/storage.ts',
    "case 'ask': {",
    "case 'ask': {\n      if (incident !== '') return ADMITTED;",
  ]),
  mutantOf('local-disks', 'an answer about local disks is good for every incident', 400, [
    'core/storage.ts',
    'answer === `evacuate',
    "answer?.startsWith('evacuate ') || answer === `evacuate",
  ]),
  mutantOf('pace', 'two requests come one right after the other', 200, [
    'core/requests.ts',
    'return waitMs > 0 ? 0 : 1;',
    'return 1;',
  ]),
  mutantOf('pace', 'one more of a host is in flight', 400, [
    'core/requests.ts',
    'here >= pace.maxInFlightPerHost',
    'here > pace.maxInFlightPerHost',
  ]),
  mutantOf('pace', 'one more is in flight in all', 400, [
    'core/requests.ts',
    'pace.maxInFlight - total, allowed',
    'pace.maxInFlight - total + 1, allowed',
  ]),
  rare(
    3_200,
    mutantOf(
      'zones',
      'a reserved host of another zone is named in the request',
      3_300,
      ['core/destinations.ts', 'targetReserved && isOfZone ?', 'targetReserved ?'],
      [
        'core/destinations.ts',
        'free.find((each) => isIn(own, each) && isInZone(each)) ??',
        'free.find((each) => isIn(own, each)) ??',
      ],
    ),
  ),
  rare(
    401,
    mutantOf('changed-words', 'an instance keeps the metadata with which it was first seen', 500, [
      'evacuator/memory.ts',
      'const server = { taskSince, ...seen };',
      'const server = { taskSince, ...seen, metadata: held?.metadata ?? seen.metadata };',
    ]),
  ),
  rare(
    501,
    mutantOf('changed-words', 'tags are read once and never again', 600, [
      'core/evacuating.ts',
      'policy.timing.factAgeMs + seenForMs',
      'Number.POSITIVE_INFINITY',
    ]),
  ),
  mutantOf('fenced-anew', 'what a host has in flight that is fenced anew takes no room', 400, [
    'core/decide.ts',
    'asides: asides.found,',
    'asides: [],',
  ]),
  mutantOf(
    'failing-reserves',
    'a reserved host is enabled for another however often it has failed',
    400,
    [
      'core/returning.ts',
      'quarantine !== null && policy.destinations.reservedHosts',
      'quarantine === undefined && policy.destinations.reservedHosts',
    ],
    ['core/destinations.ts', 'whyQuarantined(node, gates) === null ? [] : [host]', '[]'],
  ),
  mutantOf('new-policies', 'a broken new policy counts as empty', 400, [
    'agents/evacuator/policy-in-force.ts',
    "      journal.event({ level: 'error',",
    "      policy = DEFAULT_POLICY;\n      journal.event({ level: 'error',",
  ]),
  rare(
    46_901,
    mutantOf('new-policies', 'what was read of the cloud for one policy stands for the next', 47_000, [
      'core/evacuating.ts',
      'return isOld ?',
      'return isOld && !isSeen ?',
    ]),
  ),
  rare(
    2_801,
    mutantOf('by-hand', 'what was seen before a pause is gone by after it', 2_850, [
      'core/seen.ts',
      'return at < thawedAt || at < Math.min(begunAt, mono - ageMs);',
      'return at < thawedAt;',
    ]),
  ),
  mutantOf('moving-away', 'what a live migration has left behind is not asked for', 300, [
    'evacuator/observe.ts',
    'look.listing && !host.hasBrokenMoves',
    'look.listing && host.hasBrokenMoves',
  ]),
  mutantOf('started-again', 'what its user has started is stopped by a successor', 300, [
    'core/judged.ts',
    'stopSent: isAway && (isStopSent(draft, server) || isStarted(observation, server)),',
    'stopSent: isAway && isStopSent(draft, server),',
  ]),
  rare(
    1_201,
    mutantOf('old-cib', 'an incident that comes back with an old CIB counts', 1_400, [
      'core/proof.ts',
      'if (!isOver) return null;',
      'if (!isOver || online !== null) return null;',
    ]),
  ),
  rare(
    64_701,
    mutantOf('old-cib', 'a record that somebody has deleted is forgotten', 64_800, [
      'evacuator/observe.ts',
      'isGap: !read.value.haveQuorum || ports.clock.thawedAt() >= memory.clusterReadAt,',
      'isGap: true,',
    ]),
  ),
  rare(
    9_001,
    mutantOf('old-cib', 'what was disabled by us without a record is left so', 9_100, [
      'core/decide.ts',
      'else if (node.online === true && rules.isMarked(node.name)) recordReturn(draft, node);',
      '',
    ]),
  ),
  rare(
    701,
    mutantOf('left-guests', 'a fault that says nothing of the guest says that there is none', 800, [
      'core/left-guest.ts',
      '(failed === undefined || !(NO_ANSWER.test(fault) || isNotStopped))',
      '(failed === undefined || fault !== "")',
    ]),
  ),
  rare(
    6_701,
    mutantOf('left-guests', 'an evacuation that Nova calls completed is over', 6_800, [
      'core/left-guest.ts',
      "if (server.vmState !== 'error' && !isBeingRebuilt(server)) return null;",
      "if (server.vmState !== 'error') return null;",
    ]),
  ),
  rare(
    1_401,
    mutantOf(
      'left-guests',
      'what has failed is asked for again unseen',
      1_500,
      ['core/instance.ts', 'facts.seenAt < facts.followedAt', 'facts.seenAt < 0'],
      ['core/ledger.ts', "needs(outcome, 'look')", 'false'],
    ),
  ),
  mutantOf('placement-away', 'an attempt counts though Placement was away', 400, [
    'core/placement.ts',
    'return failures.length - Math.min(uncounted, UNCOUNTED_LIMIT);',
    'return failures.length - Math.min(uncounted, 0);',
  ]),
  mutantOf('affinity', 'whose group is on the dead host alone is asked for all the same', 200, [
    'core/evacuating.ts',
    'const placed = admitByGroup(server, view.host);',
    'const placed = { ...admitByGroup(server, view.host), kind: "admitted" as const };',
  ]),
  mutantOf('dead-feed', 'a node whose power could not be cut is passed over', 60, [
    'core/unfenced.ts',
    "return events.length > 0 ? 'vain' : 'none';",
    "return 'none';",
  ]),
  mutantOf('dead-feed', 'a node that was confirmed by hand is passed over', 100, [
    'core/unfenced.ts',
    "node.fenced === true ? 'done'",
    "node.fenced === true ? 'none'",
  ]),
  mutantOf('new-policies', 'a new policy is in force only after a restart', 400, [
    'agents/evacuator/policy-in-force.ts',
    'policy = { ...DEFAULT_POLICY, ...next.value };',
    '',
  ]),
  rare(
    201,
    mutantOf('moving-away', 'a live migration that was running has not moved the guest', 600, [
      'core/moving-away.ts',
      "  'preparing',",
      "  'preparing',\n  'running',",
    ]),
  ),
  rare(
    1_401,
    mutantOf('moving-away', 'what a live migration left behind at an earlier death is forgotten', 2_500, [
      'core/moving-away.ts',
      'return judgeBroken(facts, null);',
      'return null;',
    ]),
  ),
  mutantOf('unstoppable', 'what the hypervisor could not stop again is asked for once more', 500, [
    'core/left-guest.ts',
    'facts.wasStopped && NOT_STOPPED.test(fault)',
    'facts.wasStopped && NOT_STOPPED.test("")',
  ]),
];
