import { spawnSync } from 'node:child_process';
import { type ClusterInput, readInput } from './input.ts';

/** Whether Pacemaker's own tools are here; they work on files, without a cluster. */
export const hasPacemakerTools: boolean = ['cibadmin', 'crm_verify', 'crm_diff'].every(
  (tool) => spawnSync('sh', ['-c', `PATH=$PATH:/usr/sbin command -v ${tool}`]).status === 0,
);

/** A cluster of two controllers as it is after its making: nothing of instance HA in it. */
export const EMPTY_CIB = `<cib crm_feature_set="3.16.1" validate-with="pacemaker-3.9" admin_epoch="0" epoch="5" num_updates="7" have-quorum="1" dc-uuid="1">
  <configuration>
    <crm_config>
      <cluster_property_set id="cib-bootstrap-options">
        <nvpair id="cib-bootstrap-options-cluster-name" name="cluster-name" value="overcloud"/>
      </cluster_property_set>
    </crm_config>
    <nodes>
      <node id="1" uname="controller-0"/>
      <node id="2" uname="controller-1"/>
    </nodes>
    <resources/>
    <constraints/>
  </configuration>
  <status/>
</cib>
`;

const INPUT = `
shape: SHAPE
distribution: rdo
controllers: [controller-0, controller-1]
fencing:
  agent: fence_ipmilan
  parameters: { username: admin, lanplus: 1 }
  password: not a real one
computes:
  - name: compute-0
    address: 192.0.2.20
    fencing: { parameters: { ip: 192.0.2.120 } }
  - name: compute-1
    address: 192.0.2.21
    fencing: { parameters: { ip: 192.0.2.121 } }
`;

/** The input of the golden files, changed where a test wants it. */
export async function testInput(
  shape: ClusterInput['shape'] = 'minimal',
  changes: Partial<ClusterInput> = {},
  more = '',
): Promise<ClusterInput> {
  const input = await readInput(`${INPUT.replace('SHAPE', shape)}${more}`, async () => '');
  if (!input.ok) throw new Error(input.error.join('; '));
  return { ...input.value, ...changes };
}
