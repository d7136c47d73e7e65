#!/bin/bash
# nova-compute of a compute node; its host is the node's name, nova's default.
export TESTBED_SHARED=/testbed PYTHONWARNINGS=ignore PYTHONDONTWRITEBYTECODE=1
mkdir -p /var/lib/nova/instances /run/nova-lock
echo "$(date +%s.%3N) $(hostname) EXEC" >> /testbed/events
exec /usr/bin/python3 /testbed/lib/nova_compute.py --config-file /etc/nova/nova.conf
