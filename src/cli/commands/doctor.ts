import { VERSION } from '../../agents/version.ts';
import { protectionOf } from '../../doctor/checks/protection.ts';
import { type CheckResult, runChecks, worstOf } from '../../doctor/checks.ts';
import { computesOf, type Facts } from '../../doctor/facts.ts';
import type { Severity } from '../../doctor/finding.ts';
import { gatherFacts } from '../../doctor/gather.ts';
import { localPort } from '../../doctor/gather-local.ts';
import { type Call, type CommandSpec, failed, type Outcome, outcome } from '../command.ts';
import { momentText } from '../times.ts';

/** Pause between two looks of `--watch`, ms. */
const WATCH_PAUSE_MS = 15_000;

const EXIT = { ok: 'ok', warning: 'warning', unknown: 'unknown', fault: 'fault' } as const satisfies Record<
  Severity,
  string
>;
const SIGN: Readonly<Record<Severity, string>> = {
  ok: 'ok  ',
  warning: 'WARN',
  unknown: '????',
  fault: 'FAIL',
};

export const doctor: CommandSpec = {
  path: ['doctor'],
  summary: 'Say what is wrong with the set-up, where, and what to do',
  description: [
    'Looks first at credentials, connectivity and the logs, then at everything else that can make an evacuation fail. Each check says what it looked at, what it found, and the fix. It changes nothing: power devices are asked for the power state, the cloud is read.',
    'The exit code is that of the worst result.',
  ],
  options: [
    {
      name: 'node',
      short: 'n',
      value: 'NODE',
      says: 'only what is about this node, or about the whole',
      offers: 'node',
    },
    {
      name: 'ssh',
      says: 'ask every node by ssh, too (keys only): releases, agents, and what matters of nova.conf',
    },
    { name: 'watch', short: 'w', says: 'look again every 15 s, until Ctrl-C' },
    { name: 'verbose', short: 'v', says: 'also what was looked at where nothing is wrong' },
  ],
  examples: [
    { command: 'instance-ha doctor', says: 'everything that can be seen from here' },
    { command: 'instance-ha doctor --ssh', says: 'and what only the nodes themselves know' },
    {
      command: 'instance-ha doctor --node overcloud-compute-1 -v',
      says: 'one compute, with what was looked at',
    },
  ],
  exits: ['failed', 'warning', 'unknown', 'fault'],
  run: async (call) => {
    const node = call.text('node');
    for (;;) {
      const facts = await gatherFacts({
        run: call.io.run,
        local: localPort(call.io.run, VERSION),
        now: call.io.now,
        ssh: call.flag('ssh'),
        progress: call.io.output === 'text' && !call.flag('watch') ? call.io.progress : () => {},
      });
      if (
        node !== null &&
        facts.configuration.known &&
        !facts.configuration.value.cluster.nodes.some(({ name }) => name === node)
      )
        return failed(
          `the cluster has no node ${node}: it has ${facts.configuration.value.cluster.nodes.map(({ name }) => name).join(', ')}`,
        );
      const ended = diagnosis(facts, runChecks(facts, node), call);
      if (!call.flag('watch')) return ended;
      call.io.print(
        call.io.output === 'json'
          ? JSON.stringify(ended.data)
          : `${momentText(call.io.now())}\n${ended.text}`,
      );
      await call.io.sleep(WATCH_PAUSE_MS);
      if (call.io.signal.aborted) return outcome(ended.exit, '', ended.data);
    }
  },
};

function diagnosis(facts: Facts, results: readonly CheckResult[], call: Call): Outcome {
  const worst = worstOf(results.map(({ verdict }) => verdict));
  const computes = facts.configuration.known ? computesOf(facts.configuration.value) : [];
  const isProtected = computes.filter((node) => {
    const { lacks, unknowns } = protectionOf(facts, node);
    return lacks.length + unknowns.length === 0;
  });
  const text = [
    ...results.flatMap((result) => resultText(result, call.flag('verbose'))),
    '',
    `${isProtected.length} of ${computes.length} computes are protected`,
  ].join('\n');
  const data = {
    worst,
    protected: isProtected,
    computes,
    checks: results.map(({ check, verdict, problems }) => ({
      id: check.id,
      title: check.title,
      looksAt: check.looksAt,
      verdict,
      problems,
    })),
  };
  return outcome(EXIT[worst], text, data);
}

function resultText({ check, verdict, problems }: CheckResult, isVerbose: boolean): string[] {
  const head = `${SIGN[verdict]}  ${check.id.padEnd(12)}  ${verdict === 'ok' ? check.title : ''}`.trimEnd();
  const looked = isVerbose || verdict !== 'ok' ? [`        looked at: ${check.looksAt}`] : [];
  return [
    head,
    ...looked,
    ...problems.flatMap(({ says, fix }) => [`      - ${says}`, `        fix: ${fix}`]),
  ];
}
