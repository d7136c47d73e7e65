#!/bin/bash
# testbed-guests.service: stands for the hypervisor of a compute node.
#
# Guests that ran when the node lost its power are found "shutdown" at boot; from then on the lock says
# that this host has power. The kernel drops the lock with the node's last process, so guests stop with
# the node, at once and without a hook.
host=$(hostname) dir=/testbed
mkdir -p "$dir/guests/$host" "$dir/power"
# First the files, then the lock: a file that still says "running" under a held lock would look like a guest.
for f in "$dir/guests/$host"/*; do
  [ -f "$f" ] || continue
  read -r state name < "$f"
  [ "$state" = shutdown ] && continue
  echo "shutdown $name" > "$dir/guests/$host/.boot"; mv "$dir/guests/$host/.boot" "$f"
  echo "$(date +%s.%3N) $host POWEROFF ${f##*/} shutdown" >> "$dir/guests/journal"
done
exec 9>> "$dir/power/$host"
flock 9
echo "$(date +%s.%3N) $host BOOT" >> "$dir/events"
systemd-notify --ready
exec sleep infinity
