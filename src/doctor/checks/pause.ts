import { PAUSE_PROPERTY, parsePause } from '../../core/records.ts';
import { type Check, fault, warning } from '../finding.ts';

export const pause: Check = {
  id: 'pause',
  needs: ['configuration'],
  title: 'no pause keeps new evacuations from beginning',
  looksAt: `the cluster property ${PAUSE_PROPERTY}`,
  run: ({ configuration, now }) => {
    const text = configuration.known ? configuration.value.cluster.properties.get(PAUSE_PROPERTY) : undefined;
    if (text === undefined) return [];
    const record = parsePause(text);
    if (record === null)
      return [fault(`${PAUSE_PROPERTY} can't be read, so no new evacuation begins`, 'instance-ha resume')];
    if (record.until <= now) return [];
    return [
      warning(
        `paused until ${new Date(record.until).toISOString()} by ${record.by || 'somebody'} (${record.why || 'no reason given'}): no new evacuation begins`,
        'instance-ha resume, when the work is done',
      ),
    ];
  },
};
