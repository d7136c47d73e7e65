#!/bin/bash
# Prints the CIB of the testbed's cluster, in the minimal shape of the compute chain (OSP 10 and 11):
# nova-compute-checkevacuate, then nova-compute. With TESTBED_AGENTS=none nothing of instance HA is in it.
. "$(dirname "$(readlink -f "$0")")/../lib.sh"
nv()   { echo "<nvpair id=\"$1-$2\" name=\"$2\" value=\"$3\"/>"; }
op()   { echo "<op id=\"$1-$2\" name=\"$2\" interval=\"$3\" timeout=\"$4\"/>"; }
meta() { echo "<meta_attributes id=\"$1-meta\">$2</meta_attributes>"; }
role() { echo "<instance_attributes id=\"$1-role\">$(nv "$1" osprole "$2")</instance_attributes>"; }
# on_role RESOURCE ROLE: only there, and Pacemaker does not even probe elsewhere
on_role() {
  echo "<rsc_location id=\"$1-on-$2\" rsc=\"$1\" resource-discovery=\"exclusive\"><rule id=\"$1-on-$2-rule\" score=\"0\"><expression id=\"$1-on-$2-expr\" attribute=\"osprole\" operation=\"eq\" value=\"$2\"/></rule></rsc_location>"
}
# A node whose incident is not settled gets no compute chain: Pacemaker itself decides, from an attribute
# that, unlike attrd's, outlives the node's return.
not_in_incident() {
  echo "<rsc_location id=\"$1-no-incident\" rsc=\"$1\"><rule id=\"$1-no-incident-rule\" score=\"-INFINITY\"><expression id=\"$1-no-incident-expr\" attribute=\"instance-ha-incident\" operation=\"defined\"/></rule></rsc_location>"
}

ha_resources() {
  [ "$TESTBED_AGENTS" = none ] && return
  cat <<X
  <primitive id="fence-nova" class="stonith" type="fence_compute">
   <instance_attributes id="fence-nova-ia">$(nv fence-nova pcmk_host_list "$COMPUTES")</instance_attributes>
   <operations>$(op fence-nova monitor 60s 30s)</operations>
  </primitive>
  <primitive id="nova-evacuate" class="ocf" provider="openstack" type="NovaEvacuate">
   <instance_attributes id="nova-evacuate-ia">$(nv nova-evacuate rc_file /etc/instance-ha/overcloudrc) $TESTBED_EVACUATE_PARAMS</instance_attributes>
   $(meta nova-evacuate "$(nv nova-evacuate failure-timeout 30s) $(nv nova-evacuate migration-threshold 3)")
   <operations>$(op nova-evacuate start 0 60s) $(op nova-evacuate stop 0 60s) $(op nova-evacuate monitor 10s 30s)</operations>
  </primitive>
  <clone id="nova-compute-checkevacuate-clone">
   $(meta nova-compute-checkevacuate-clone "$(nv nova-compute-checkevacuate-clone interleave true)")
   <primitive id="nova-compute-checkevacuate" class="ocf" provider="openstack" type="nova-compute-wait">
    <instance_attributes id="nova-compute-checkevacuate-ia">$(nv nova-compute-checkevacuate evacuation_delay "$TESTBED_EVACUATION_DELAY")</instance_attributes>
    $(meta nova-compute-checkevacuate "$(nv nova-compute-checkevacuate failure-timeout 30s)")
    <operations>$(op nova-compute-checkevacuate start 0 "$((TESTBED_EVACUATION_DELAY + 30))s") $(op nova-compute-checkevacuate stop 0 20s) $(op nova-compute-checkevacuate monitor 10s 20s)</operations>
   </primitive>
  </clone>
X
}
ha_constraints() {
  [ "$TESTBED_AGENTS" = none ] && return
  cat <<X
  $(on_role nova-evacuate controller)
  $(on_role nova-compute-checkevacuate-clone compute)
  $(not_in_incident nova-compute-checkevacuate-clone)
  $(not_in_incident nova-compute-clone)
  <rsc_order id="checkevacuate-then-nova-compute" first="nova-compute-checkevacuate-clone" then="nova-compute-clone"/>
  <rsc_colocation id="nova-compute-with-checkevacuate" rsc="nova-compute-clone" with-rsc="nova-compute-checkevacuate-clone" score="INFINITY"/>
X
}

cat <<X
<cib crm_feature_set="3.16.1" validate-with="pacemaker-3.9" admin_epoch="0" epoch="1" num_updates="0">
<configuration>
 <crm_config><cluster_property_set id="options">
  $(nv options stonith-enabled true) $(nv options cluster-name testbed) $(nv options stonith-timeout 60s)
  $(nv options cluster-recheck-interval 60s) $(nv options dc-deadtime 2s) $(nv options no-quorum-policy stop)
  $TESTBED_CIB_PROPERTIES
 </cluster_property_set></crm_config>
 <nodes>
$(i=0; for n in $CONTROLLERS; do i=$((i+1)); echo "  <node id=\"$i\" uname=\"$n\">$(role "$n" controller)</node>"; done)
$(for n in $COMPUTES; do echo "  <node id=\"$n\" uname=\"$n\" type=\"remote\">$(role "$n" compute)</node>"; done)
 </nodes>
 <resources>
$(for n in $COMPUTES; do cat <<Y
  <primitive id="$n" class="ocf" provider="pacemaker" type="remote">
   <instance_attributes id="$n-ia">$(nv "$n" server "$(ip_of "$n")") $(nv "$n" reconnect_interval "$TESTBED_RECONNECT")</instance_attributes>
   <operations>$(op "$n" monitor "$TESTBED_MONITOR" "$TESTBED_MONITOR_TIMEOUT") $(op "$n" start 0 60s) $(op "$n" stop 0 60s)</operations>
  </primitive>
Y
done)
$(for n in $NODES; do b=ipmilan-$n; cat <<Y
  <primitive id="$b" class="stonith" type="fence_ipmilan">
   <instance_attributes id="$b-ia">$(nv "$b" pcmk_host_list "$n") $(nv "$b" ip "$(bmc_of "$n")") $(nv "$b" username "$IPMI_USER") $(nv "$b" password "$IPMI_PASSWORD") $(nv "$b" lanplus 1) $(nv "$b" cipher 3) $(nv "$b" power_wait "$TESTBED_POWER_WAIT")</instance_attributes>
   <operations>$(op "$b" monitor 120s 30s)</operations>
  </primitive>
Y
done)
$(ha_resources)
  <clone id="nova-compute-clone">
   $(meta nova-compute-clone "$(nv nova-compute-clone interleave true)")
   <primitive id="nova-compute" class="systemd" type="nova-compute">
    <operations>$(op nova-compute start 0 "$TESTBED_NOVA_START") $(op nova-compute stop 0 100s) $(op nova-compute monitor 10s 100s)</operations>
   </primitive>
  </clone>
  $TESTBED_CIB_RESOURCES
 </resources>
 <constraints>
  $(on_role nova-compute-clone compute)
$(ha_constraints)
  $TESTBED_CIB_CONSTRAINTS
 </constraints>
 <fencing-topology>
$(second=; [ "$TESTBED_AGENTS" = none ] || second=,fence-nova
  for n in $COMPUTES; do echo "  <fencing-level id=\"level-$n\" target=\"$n\" index=\"1\" devices=\"ipmilan-$n$second\"/>"; done)
$(for n in $CONTROLLERS; do echo "  <fencing-level id=\"level-$n\" target=\"$n\" index=\"1\" devices=\"ipmilan-$n\"/>"; done)
 </fencing-topology>
 <rsc_defaults><meta_attributes id="defaults">$(nv defaults resource-stickiness 1)</meta_attributes></rsc_defaults>
 <alerts>
  <alert id="alert-log" path="/testbed/alert.sh"><select><select_attributes/><select_fencing/><select_nodes/><select_resources/></select></alert>
 </alerts>
</configuration>
<status/>
</cib>
X
