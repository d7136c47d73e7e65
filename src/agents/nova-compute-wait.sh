#!/bin/sh
# ocf:openstack:nova-compute-wait. Pacemaker asks `monitor` every ten seconds on every compute: that this boot was
# released is recognised here, without a second process. Everything else is the program's to say.
#
# Released: the state file names this boot, by the kernel's boot id and the start of PID 1 (hold.ts `bootToken`).
if [ "$1" = monitor ]; then
  case ${OCF_RESOURCE_INSTANCE-} in
    '' | *[!A-Za-z0-9_.:-]*) ;;
    *)
      state=${HA_RSCTMP:-/run/resource-agents}/nova-compute-wait-$OCF_RESOURCE_INSTANCE.state
      if { read -r token < "$state" && read -r boot < /proc/sys/kernel/random/boot_id && read -r stat < /proc/1/stat; } 2> /dev/null; then
        action=$1
        # shellcheck disable=SC2086 # the fields are meant to be split
        set -f -- ${stat##*) }
        [ -n "${20-}" ] && [ "$token" = "$boot-${20}" ] && exit 0
        set +f -- "$action"
      fi
      ;;
  esac
fi
exec "${0%/*}/../../../instance-ha/agents/nova-compute-wait" "$@"
