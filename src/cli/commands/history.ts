import { onThisMachine } from '../../doctor/root.ts';
import { explain } from '../../openstack/errors.ts';
import { createNova } from '../../openstack/nova.ts';
import { type CommandSpec, failed, outcome } from '../command.ts';
import {
  incidentOfReport,
  isReportOf,
  type PastReport,
  pastReports,
  REPORT_DIRECTORY,
  reportLines,
} from '../incident-reports.ts';
import { type PastIncident, pastIncidents } from '../past.ts';
import { novaHostOf, openCloud, readSituation } from '../situation.ts';
import { momentText } from '../times.ts';
import { counted } from '../words.ts';

const DEFAULT_DAYS = 30;
const DAY_MS = 86_400_000;

/** The command. `reportDirectory`: where the reports of this controller are; {@link onThisMachine} puts the machine's root before it. */
export const history = (reportDirectory: string): CommandSpec => ({
  path: ['history'],
  summary: 'List the incidents of the past, and what became of the instances',
  description: [
    "From Nova's own records of evacuations, so from any controller and whoever asked for them: those of one host that follow each other closely are one incident.",
    'Nova forgets an evacuation when its instance is deleted, and has none of a host without instances. What a report of this controller has of those is shown all the same.',
    `Where the evacuator ran on this controller, its report is shown with it: the times, what it had to wait for, and every instance that did not arrive as it was. The whole report is ${reportDirectory}/INCIDENT.md.`,
    'With --output json every evacuation and every report is in it.',
  ],
  arguments: [{ name: 'host', says: 'only this compute', isOptional: true, offers: 'node' }],
  options: [{ name: 'days', short: 'd', value: 'N', says: 'how far back', default: String(DEFAULT_DAYS) }],
  examples: [
    { command: 'instance-ha history', says: 'the last 30 days' },
    {
      command: 'instance-ha history overcloud-compute-1 --days 365 -o json',
      says: 'one compute, a year, for a program',
    },
  ],
  exits: ['failed', 'unknown'],
  run: async (call) => {
    const days = Number(call.text('days') ?? DEFAULT_DAYS);
    if (!Number.isInteger(days) || days < 1 || days > 3650)
      return failed('--days takes a number from 1 to 3650', 'usage');
    const situation = await readSituation(call.io);
    if (!situation.known) return failed(situation.reason, 'unknown');
    const session = await openCloud(situation.value.configuration);
    if (!session.known) return failed(session.reason, 'unknown');
    call.io.doing('reading Nova');
    try {
      const nova = createNova(session.value);
      const name = call.arguments[0];
      const { nodes } = situation.value;
      const services = await nova.listComputeServices();
      if (!services.ok) return failed(explain(services.error), 'unknown');
      const hosts = services.value.services.map((each) => each.host);
      if (name !== undefined && !hosts.includes(name) && !nodes.some(({ node }) => node === name))
        return failed(
          `${name} is no compute node of this cluster: it has ${nodes.map(({ node }) => node).join(', ')}`,
        );
      const host =
        name === undefined ? null : (novaHostOf(situation.value.configuration, name, hosts) ?? name);
      const listed = await nova.listEvacuations({
        createdSince: call.io.now() - days * DAY_MS,
        ...(host === null ? {} : { sourceHost: host }),
      });
      if (!listed.ok) return failed(explain(listed.error), 'unknown');
      call.io.doing('reading the reports');
      const reports = await pastReports(onThisMachine(reportDirectory));
      const known = pastIncidents(listed.value.migrations).map((incident) => ({
        ...incident,
        reports: reports.filter((report) => isReportOf(report, incident)),
      }));
      const since = call.io.now() - days * DAY_MS;
      const forgotten = reports
        .filter((report) => !known.some((incident) => incident.reports.includes(report)))
        .filter((report) => name === undefined || report.node === name || report.host === host)
        .map((report) => ({ ...incidentOfReport(report), reports: [report] }))
        .filter(({ begun }) => begun >= since);
      const incidents = [...known, ...forgotten].sort((a, b) => b.begun - a.begun);
      const text =
        incidents.length === 0
          ? `no incident in the last ${days} days that Nova or a report of this controller knows of`
          : incidents.map(incidentText).join('\n');
      return outcome('ok', text, { incidents });
    } finally {
      await session.value.close();
    }
  },
});

function incidentText(incident: PastIncident & { readonly reports: readonly PastReport[] }): string {
  const attempts = incident.evacuations.length;
  const head = [
    momentText(incident.begun),
    incident.host,
    `${counted(incident.instances, 'instance')}: ${incident.moved} moved, ${incident.failed} failed${incident.live === 0 ? '' : `, ${incident.live} under way`}`,
    attempts === 0 ? '(by its report)' : `(${counted(attempts, 'request')})`,
  ].join('  ');
  const lines = incident.reports.toReversed().flatMap(reportLines);
  return [head, ...lines.map((line) => `    ${line}`)].join('\n');
}

export const historyCommand: CommandSpec = history(REPORT_DIRECTORY);
