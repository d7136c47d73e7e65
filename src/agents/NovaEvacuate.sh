#!/bin/sh
# ocf:openstack:NovaEvacuate. Pacemaker asks `monitor` every ten seconds: a healthy evacuator is recognised here,
# without a second process. Everything else, an evacuator that is not healthy included, is the program's to say.
#
# Healthy: the process that left the sign of life runs still (its pid and start: with both it is no other one),
# and that sign is not older than 60 s of uptime (evacuator/life.ts writes it: PID START UPTIME). The first one is of the launch.
if [ "$1" = monitor ]; then
  case ${OCF_RESOURCE_INSTANCE-} in
    '' | *[!A-Za-z0-9_.-]*) ;;
    *)
      life=${HA_RSCTMP:-/run/resource-agents}/instance-ha-$OCF_RESOURCE_INSTANCE/life
      if { read -r pid start tick < "$life" && read -r up _ < /proc/uptime && read -r stat < "/proc/$pid/stat"; } 2> /dev/null; then
        age=$((${up%%.*} - tick))
        # The command stands in parentheses and may hold anything; behind it come the state and, as the 20th, the start.
        action=$1
        # shellcheck disable=SC2086 # the fields are meant to be split
        set -f -- ${stat##*) }
        [ "$1" != Z ] && [ "${20-}" = "$start" ] && [ $age -ge 0 ] && [ $age -le 60 ] && exit 0
        set +f -- "$action"
      fi
      ;;
  esac
fi
exec "${0%/*}/../../../instance-ha/agents/NovaEvacuate" "$@"
