#!/bin/sh
# Pacemaker alert agent: writes down what it was given. Runs as hacluster on every controller.
umask 000
{ echo "=== $(date +%FT%T.%3N) host=$(hostname)"; env | grep '^CRM_alert_' | sort; } >> /testbed/log/alert.log 2>/dev/null
exit 0
