import { PAUSE_ATTRIBUTE, PAUSE_PROPERTY, parsePause } from '../../core/records.ts';
import { type Check, fault, type Problem, warning } from '../finding.ts';

export const pause: Check = {
  id: 'pause',
  needs: ['configuration'],
  title: 'no pause keeps evacuations from beginning',
  looksAt: `the cluster property ${PAUSE_PROPERTY}, and the node attribute of this name`,
  run: ({ configuration, now }) => {
    if (!configuration.known) return [];
    const { properties, nodes } = configuration.value.cluster;
    return [
      ...problemsOf(properties.get(PAUSE_PROPERTY), null, now),
      ...nodes.flatMap(({ name, permanent }) => problemsOf(permanent.get(PAUSE_ATTRIBUTE), name, now)),
    ];
  },
};

function problemsOf(text: string | undefined, node: string | null, now: number): Problem[] {
  if (text === undefined) return [];
  const record = parsePause(text);
  const nothing = node === null ? 'no new evacuation begins' : `no evacuation of ${node} begins`;
  const resume = node === null ? 'instance-ha resume' : `instance-ha resume --host ${node}`;
  if (record === null) {
    const what = node === null ? PAUSE_PROPERTY : `the pause of ${node}`;
    return [fault(`${what} can't be read, so ${nothing}`, resume, node)];
  }
  if (record.until <= now) return [];
  return [
    warning(
      `${node === null ? '' : `${node} is `}paused until ${`${new Date(record.until).toISOString().slice(0, 19)}Z`} by ${record.by || 'somebody'} (${record.why || 'no reason given'}): ${nothing}`,
      `${resume}, when the work is done`,
      node,
    ),
  ];
}
