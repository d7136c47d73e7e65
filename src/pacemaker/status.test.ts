import { describe, expect, it } from 'vitest';
import { CRM_MON } from './fixtures.ts';
import { parseStatus } from './status.ts';

describe('crm_mon', () => {
  it('is read: nodes, resources with where they run, failures', () => {
    const status = parseStatus(CRM_MON);
    expect(status).toMatchObject({
      ok: true,
      value: {
        dc: 'controller-0',
        hasQuorum: true,
        nodes: [
          { name: 'compute-0', kind: 'remote', online: false, unclean: true, maintenance: true },
          { name: 'controller-0', kind: 'cluster', online: true },
        ],
        resources: [
          { id: 'nova-evacuate', role: 'Started', nodes: ['controller-0'] },
          { id: 'w', role: 'Stopped', failed: true, nodes: [] },
        ],
        failures: [
          {
            resource: 'my_res',
            task: 'monitor',
            node: 'compute-0',
            code: 5,
            words: 'not installed',
            reason: 'no node',
          },
        ],
      },
    });
  });

  it.each([
    ['says nothing of whether a node is online', CRM_MON.replace(' online="false"', '')],
    ['says it in a word unheard of', CRM_MON.replace(' online="false"', ' online="perhaps"')],
    ['has a node without a name', CRM_MON.replace('node name="compute-0"', 'node')],
    ['has a resource without an id', CRM_MON.replace('resource id="nova-evacuate"', 'resource')],
    ['was cut off', CRM_MON.replace('<status code="0" message="OK"/>', '')],
  ])('is no status when it %s: unknown is not down', (_, xml) => {
    expect(parseStatus(xml)).toMatchObject({ ok: false, error: { code: 'bad-answer', tool: 'crm_mon' } });
  });

  it('keeps a failure whose key or code it cannot read', () => {
    const xml = CRM_MON.replace('my_res_monitor_10000', 'odd').replace('exitcode="5"', 'exitcode="many"');
    const status = parseStatus(xml);
    expect(status.ok && status.value.failures).toMatchObject([{ resource: 'odd', task: '', code: -1 }]);
  });
});
