/** Answers of Pacemaker 2.1.5's tools, written by hand after its schemas and sources. For tests. */

/** A CIB: 3 controllers (one of them down), 2 remote nodes that joined, 1 that never did. */
export const CIB = `<cib crm_feature_set="3.16.2" validate-with="pacemaker-3.9" epoch="34" num_updates="12" admin_epoch="0" cib-last-written="Mon Nov 23 04:13:40 2026" update-origin="controller-1" update-client="cibadmin" update-user="root" have-quorum="1" dc-uuid="1">
  <configuration>
    <crm_config>
      <cluster_property_set id="opts">
        <nvpair id="opts-stonith-enabled" name="stonith-enabled" value="true"/>
        <nvpair id="opts-no-quorum-policy" name="no-quorum-policy" value="stop"/>
      </cluster_property_set>
      <cluster_property_set id="cib-bootstrap-options">
        <nvpair id="cib-bootstrap-options-have-watchdog" name="have-watchdog" value="false"/>
        <nvpair id="cib-bootstrap-options-dc-version" name="dc-version" value="2.1.5-a3f44794f94"/>
      </cluster_property_set>
    </crm_config>
    <nodes>
      <node id="1" uname="controller-1"><instance_attributes id="role-1"><nvpair id="role-1-osprole" name="osprole" value="controller"/></instance_attributes></node>
      <node id="2" uname="controller-2"/>
      <node id="3" uname="controller-3"/>
      <node id="compute-1" uname="compute-1" type="remote">
        <instance_attributes id="nodes-compute-1">
          <nvpair id="nodes-compute-1-osprole" name="osprole" value="compute"/>
          <nvpair id="nodes-compute-1-instance-ha-incident" name="instance-ha-incident" value="v=1,id=abc,at=2026-11-23T04:13:40.000Z,by=fencer,on=controller-1"/>
        </instance_attributes>
      </node>
      <node id="compute-2.example.org" uname="compute-2.example.org" type="remote">
        <instance_attributes id="nodes-compute-2"><nvpair id="nodes-compute-2-maintenance" name="maintenance" value="on"/></instance_attributes>
      </node>
    </nodes>
    <resources>
      <primitive id="compute-1" class="ocf" provider="pacemaker" type="remote"/>
      <primitive id="compute-2.example.org" class="ocf" provider="pacemaker" type="remote"/>
      <primitive id="compute-3" class="ocf" provider="pacemaker" type="remote"/>
      <primitive id="ipmilan-compute-1" class="stonith" type="fence_ipmilan">
        <instance_attributes id="ipmilan-compute-1-ia"><nvpair id="ipmilan-compute-1-ip" name="ip" value="10.0.0.1"/></instance_attributes>
      </primitive>
      <group id="g"><primitive id="fence-nova" class="stonith" type="fence_compute"/></group>
      <clone id="nova-compute-clone"><primitive id="nova-compute" class="systemd" type="nova-compute"/></clone>
    </resources>
    <constraints/>
    <fencing-topology>
      <fencing-level id="fl-1" target="compute-1" index="1" devices="ipmilan-compute-1,fence-nova"/>
      <fencing-level id="fl-2" target-pattern="compute-.*" index="2" devices="fence-nova"/>
      <fencing-level id="fl-3" target-attribute="rack" target-value="7" index="1" devices="pdu, fence-nova"/>
    </fencing-topology>
  </configuration>
  <status>
    <node_state id="1" uname="controller-1" in_ccm="true" crmd="online" crm-debug-origin="do_state_transition" join="member" expected="member"/>
    <node_state id="2" uname="controller-2" in_ccm="1700712820" crmd="1700712821" crm-debug-origin="do_update_resource" join="member" expected="member"/>
    <node_state id="3" uname="controller-3" in_ccm="false" crmd="offline" crm-debug-origin="peer_update_callback" join="down" expected="down"/>
    <node_state remote_node="true" id="compute-1" uname="compute-1" in_ccm="false" crm-debug-origin="remote_node_down" node_fenced="0"/>
    <node_state remote_node="true" id="compute-2.example.org" uname="compute-2.example.org" in_ccm="true" crm-debug-origin="do_update_resource" node_fenced="0">
      <transient_attributes id="compute-2.example.org"><instance_attributes id="status-compute-2"/></transient_attributes>
    </node_state>
  </status>
</cib>
`;

/** `crm_mon --one-shot --inactive --output-as=xml`: one compute lost, one clone of the chain, one failure. */
export const CRM_MON = `<pacemaker-result api-version="2.25" request="crm_mon --one-shot --inactive --output-as=xml">
  <pacemakerd sys_from="pacemakerd" state="running" last_updated="2026-11-23 04:13:41Z"/>
  <summary>
    <stack type="corosync"/>
    <current_dc present="true" version="2.1.5-a3f44794f94" name="controller-0" id="1" with_quorum="true" mixed_version="false"/>
    <cluster_options stonith-enabled="true" no-quorum-policy="stop" maintenance-mode="false" stonith-timeout-ms="60000"/>
  </summary>
  <nodes>
    <node name="compute-0" id="compute-0" online="false" standby="false" standby_onfail="false" maintenance="true" pending="false" unclean="true" health="green" shutdown="false" expected_up="false" is_dc="false" resources_running="0" type="remote"/>
    <node name="controller-0" id="1" online="true" standby="false" standby_onfail="false" maintenance="false" pending="false" unclean="false" health="green" feature_set="3.16.1" shutdown="false" expected_up="true" is_dc="true" resources_running="4" type="member"/>
  </nodes>
  <resources>
    <resource id="nova-evacuate" resource_agent="ocf:openstack:NovaEvacuate" role="Started" active="true" orphaned="false" blocked="false" managed="true" failed="false" failure_ignored="false" nodes_running_on="1"><node name="controller-0" id="1" cached="true"/></resource>
    <clone id="w-clone" multi_state="false" unique="false" managed="true" disabled="false" failed="false" failure_ignored="false">
      <resource id="w" resource_agent="ocf:openstack:nova-compute-wait" role="Stopped" active="false" orphaned="false" blocked="false" managed="true" failed="true" failure_ignored="false" nodes_running_on="0"/>
    </clone>
  </resources>
  <failures><failure op_key="my_res_monitor_10000" node="compute-0" exitstatus="not installed" exitreason="no node" exitcode="5" call="1" status="complete" queued="0" exec="0" interval="10000" task="monitor"/></failures>
  <status code="0" message="OK"/>
</pacemaker-result>
`;

/** `stonith_admin --history compute-1 --verbose --output-as=xml`. */
export const HISTORY = `<pacemaker-result api-version="2.25" request="stonith_admin --history compute-1 --verbose --output-as=xml">
  <list name="Fencing history" count="3">
    <fence_event action="off" target="compute-1" client="stonith_admin.4242" origin="controller-2" status="pending" extended-status="1"/>
    <fence_event action="reboot" target="compute-1" client="pacemaker-controld.812" origin="controller-1" status="success" delegate="controller-3" completed="2026-11-23 05:13:40 +01:00"/>
    <fence_event action="reboot" target="compute-1" client="pacemaker-controld.812" origin="controller-1" status="failed" exit-reason="Fencing is not possible &amp; so on" delegate="controller-1" completed="2026-11-23 04:13:35Z"/>
  </list>
  <status code="0" message="OK"/>
</pacemaker-result>
`;

/** An answer in the form of `--output-as=xml`. */
export function pacemakerResult(inner: string): string {
  return `<pacemaker-result api-version="2.25" request="x">\n${inner}\n  <status code="0" message="OK"/>\n</pacemaker-result>\n`;
}
