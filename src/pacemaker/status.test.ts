import { describe, expect, it } from 'vitest';
import { pacemakerResult } from './fixtures.ts';
import { parseStatus } from './status.ts';

describe('crm_mon', () => {
  it('is read: nodes, resources with where they run, failures', () => {
    const xml = pacemakerResult(`
  <summary><current_dc present="true" name="controller-0" id="1" with_quorum="true"/></summary>
  <nodes><node name="compute-0" id="compute-0" online="false" standby="false" maintenance="true" unclean="true" type="remote"/><node name="controller-0" id="1" online="true" type="member"/></nodes>
  <resources>
    <resource id="nova-evacuate" resource_agent="ocf:openstack:NovaEvacuate" role="Started" managed="true" failed="false" blocked="false"><node name="controller-0" id="1" cached="true"/></resource>
    <clone id="w-clone"><resource id="w" resource_agent="ocf:openstack:nova-compute-wait" role="Stopped" managed="true" failed="true" blocked="false"/></clone>
  </resources>
  <failures><failure op_key="my_res_monitor_10000" node="compute-0" exitstatus="not installed" exitreason="no node" exitcode="5" call="1" status="complete"/></failures>`);
    const status = parseStatus(xml);
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
});
