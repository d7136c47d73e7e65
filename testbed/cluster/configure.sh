#!/bin/bash
# configure.sh LAYER    writes the cluster's configuration into the layer that all nodes share
. "$(dirname "$(readlink -f "$0")")/../lib.sh"
layer=$1
mkdir -p "$layer"/etc/{corosync,pacemaker,default}
{ cat <<X
totem {
  version: 2
  cluster_name: testbed
  transport: knet
  crypto_cipher: none
  crypto_hash: none
  token: $TESTBED_TOKEN
}
quorum {
  provider: corosync_votequorum
}
system {
  allow_knet_handle_fallback: yes
}
logging {
  to_logfile: yes
  logfile: /var/log/corosync/corosync.log
  to_syslog: no
  timestamp: hires
}
nodelist {
X
i=0; for n in $CONTROLLERS; do i=$((i+1)); printf '  node {\n    name: %s\n    nodeid: %s\n    ring0_addr: %s\n  }\n' "$n" $i "$(ip_of "$n")"; done
echo "}"; } > "$layer/etc/corosync/corosync.conf"
head -c 4096 /dev/urandom > "$layer/etc/pacemaker/authkey"
chown root:haclient "$layer/etc/pacemaker" "$layer/etc/pacemaker/authkey"
chmod 750 "$layer/etc/pacemaker"; chmod 640 "$layer/etc/pacemaker/authkey"
echo 'PCMK_logfile=/var/log/pacemaker/pacemaker.log' > "$layer/etc/default/pacemaker"
