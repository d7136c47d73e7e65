# Settings and helpers shared by every script of the testbed; sourced, never run.
# shellcheck shell=bash disable=SC2034  # the settings are used by the scripts that source this file
set -u
export PATH="${PATH:-}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TESTBED=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
PROJECT=$(dirname "$TESTBED")

# ---- where things are. Everything volatile is on one tmpfs: a node's root is an overlay of /, and an
# overlay does not look into other mounts of its lower directory, so no node sees another node's disk,
# the control plane's state or the administrator's password there.
STATE=/var/lib/instance-ha-testbed
RUN=$STATE/run
SHARED=$RUN/shared                 # /testbed in every node
CLOUD=$RUN/cloud                   # the control plane: configuration, databases, logs, pid files
CACHE=/var/cache/instance-ha-testbed  # what is costly to make and never changes; `down --all` removes it
ENV_FILE=$RUN/env                  # KEY=VALUE for other programs
READY=$RUN/ready                   # there once `up` has ended well
CGROUP=instance-ha-testbed

# ---- the machines
CONTROLLERS="controller-1 controller-2 controller-3"
COMPUTES="compute-1 compute-2 compute-3"
NODES="$CONTROLLERS $COMPUTES"
NET=10.99.0
CLOUD_IP=$NET.250
NOVA_PORT=8774
ip_of()   { case $1 in controller-*) echo "$NET.1${1##*-}";; compute-*) echo "$NET.2${1##*-}";; esac; }
bmc_of()  { case $1 in controller-*) echo "$NET.11${1##*-}";; compute-*) echo "$NET.12${1##*-}";; esac; }
is_node() { case " $NODES " in *" $1 "*) true;; *) false;; esac; }
netns_of() { echo "iha-$1"; }      # a network namespace for each node
SWITCH_NETNS=iha-switch            # holds the bridge
BMC_NETNS=iha-bmc                  # holds the six BMCs
CLOUD_NETNS=iha-cloud              # holds the control plane
HOST_NETNS=iha-host                # a handle on the machine's own namespace: the BMCs' hook leaves by it
IPMI_USER=ipmiusr
IPMI_PASSWORD="test" # of the simulated BMCs only

# ---- knobs, all by environment
: "${TESTBED_AGENTS:=dist}"            # dist = the project's build; none = no instance HA; or a directory laid over each /
: "${TESTBED_RECONNECT:=5s}"           # reconnect_interval of the remote resources (the field often has 60s)
: "${TESTBED_MONITOR:=2s}"             # monitor interval of the remote resources (the field: 20s)
: "${TESTBED_MONITOR_TIMEOUT:=4s}"     # its timeout (the field: 20s)
: "${TESTBED_POWER_WAIT:=0}"           # power_wait of fence_ipmilan, seconds (the field: 2 to 4)
: "${TESTBED_TOKEN:=1000}"             # corosync token, ms
: "${TESTBED_EVACUATION_DELAY:=120}"   # evacuation_delay of nova-compute-wait, seconds
: "${TESTBED_NOVA_START:=60s}"         # start timeout of nova-compute
: "${TESTBED_CIB_PROPERTIES:=}"        # more <nvpair/> of the cluster options
: "${TESTBED_CIB_RESOURCES:=}"         # more resources
: "${TESTBED_CIB_CONSTRAINTS:=}"       # more constraints
: "${TESTBED_EVACUATE_PARAMS:=}"       # more <nvpair/> of nova-evacuate
: "${TESTBED_READY_TIMEOUT:=120}"      # how long `up` waits for the cluster, seconds
: "${TESTBED_REPORT_INTERVAL:=2}"      # nova's report_interval, seconds
: "${TESTBED_DOWN_TIME:=6}"            # nova's service_down_time, seconds
: "${TESTBED_API_WORKERS:=2}"          # processes of nova-api

say()   { printf '%(%H:%M:%S)T %s\n' -1 "$*"; }
die()   { printf '%(%H:%M:%S)T %s: %s\n' -1 "${0##*/}" "$*" >&2; exit 1; }

# usage: the comment block at the head of the script that runs
usage() { sed -n '2,/^[^#]/{/^#/{s/^# \{0,1\}//;p}}' "$0"; exit "${1:-0}"; }

# The testbed needs a machine that it may change. Exit code 77 says "skipped" to a test runner.
require_machine() {
  local id
  id=$(. /etc/os-release 2>/dev/null && echo "${ID-} ${VERSION_ID-}")
  if [ "$id" != "debian 12" ]; then echo "testbed: skipped: it needs Debian 12, this is ${id:-unknown}" >&2; exit 77; fi
  if [ "$(id -u)" != 0 ]; then echo "testbed: skipped: it needs root" >&2; exit 77; fi
}

# One of up, down, reload-agents at a time. The lock is on this directory, so no file is left behind;
# daemons must not inherit the descriptor, hence the 8<&- where they are started.
lock_testbed() {
  exec 8< "$TESTBED"
  flock -n 8 && return
  say "another testbed command is running; waiting for it (at most 300 s)"
  flock -w 300 8 || die "gave up after 300 s waiting for the other command"
}

# wait_until SECONDS WHAT COMMAND...: the bound and what was waited for are in the error
wait_until() {
  local limit=$1 what=$2 end; shift 2
  end=$(( SECONDS + limit ))
  until "$@" > /dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || die "gave up after $limit s waiting for $what"
    sleep 0.2
  done
}

# ---- processes. A pid may have been given to somebody else's process since it was written down, and
# uwsgi writes over its command line and environment; the pid together with the start time is the
# process's identity, and nothing is signalled whose identity is not the one in the pid file.
start_time() { # start_time PID: fails when it is gone, or dead and only not yet reaped
  local stat fields
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  # the name, in brackets, may hold blanks; field 22 is the 20th after it
  read -ra fields <<< "${stat##*) }"
  [ "${fields[0]}" != Z ] && echo "${fields[19]}"
}
pid_of() { # pid_of PIDFILE: prints the pid while that very process lives
  local pid start
  read -r pid start 2>/dev/null < "$1" || return 1
  [ -n "${start-}" ] && [ "$(start_time "$pid")" = "$start" ] && echo "$pid"
}
# daemon PIDFILE LOG COMMAND...: a session of its own; it writes its pid itself, so an interrupted `up`
# leaves no process without a pid file
daemon() {
  local pidfile=$1 log=$2; shift 2
  rm -f "$pidfile"
  # shellcheck disable=SC2016
  setsid -f /bin/bash -c '
    stat=$(cat /proc/$$/stat); read -ra fields <<< "${stat##*) }"
    echo "$$ ${fields[19]}" > "$1.new" && mv "$1.new" "$1"
    shift; exec "$@"' daemon "$pidfile" "$@" >> "$log" 2>&1 < /dev/null 8<&- 9<&-
  for _ in {1..100}; do [ -s "$pidfile" ] && return 0; sleep 0.02; done
  die "could not start ${pidfile##*/}, see $log"
}
# end_process PIDFILE SIGNAL [SECONDS]: the whole session, because uwsgi and rabbit have children
end_process() {
  local pidfile=$1 signal=$2 limit=${3:-8} pid i
  if pid=$(pid_of "$pidfile"); then
    kill "-$signal" -- "-$pid" 2>/dev/null
    for ((i = 0; i < limit * 20; i++)); do pid_of "$pidfile" > /dev/null || break; sleep 0.05; done
    pid_of "$pidfile" > /dev/null && kill -KILL -- "-$pid" 2>/dev/null
    for ((i = 0; i < 40; i++)); do pid_of "$pidfile" > /dev/null || break; sleep 0.05; done
  fi
  rm -f "$pidfile"
}

# why_unusable: in words, why no drill can begin on what is there; empty when one can. Nodes without power and a
# stopped nova-api (its pid file goes with it) are no reason: an earlier drill may have left them so, and the
# next one puts them right. Processes that somebody else ended leave their pid files behind.
why_unusable() {
  local pidfile
  [ -e "$READY" ] || { echo "it is not up"; return; }
  grep -qxF "TESTBED_DIR=$TESTBED" "$ENV_FILE" || { echo "another checkout brought it up"; return; }
  for pidfile in "$CLOUD"/pids/*.pid "$RUN"/bmc/*/pid; do
    pid_of "$pidfile" > /dev/null || { echo "the process of ${pidfile#"$RUN/"} is gone"; return; }
  done
}

# ---- nodes
# leader_of NODE: pid of the node's systemd (PID 1 of its namespaces); fails when it is powered off
leader_of() {
  local supervisor child
  supervisor=$(pid_of "$RUN/nodes/$1/nspawn.pid") || return 1
  for child in $(cat "/proc/$supervisor/task/$supervisor/children" 2>/dev/null); do
    [ "$(cat "/proc/$child/comm" 2>/dev/null)" = systemd ] && { echo "$child"; return 0; }
  done
  return 1
}
is_on() { leader_of "$1" > /dev/null; }
# in_node NODE COMMAND...: in all of the node's namespaces, with a clean environment
in_node() {
  local node=$1 pid; shift
  pid=$(leader_of "$node") || { echo "$node is powered off" >&2; return 113; }
  nsenter -t "$pid" -m -u -i -n -p -- /usr/bin/env -i \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}" "$@" 8<&- 9<&-
}
# first_controller: a controller that is on and in the membership's eyes alive
first_controller() { local n; for n in $CONTROLLERS; do is_on "$n" && { echo "$n"; return; }; done; return 1; }
crm_mon_xml() { local n; n=$(first_controller) && in_node "$n" timeout 10 crm_mon -1 --output-as=xml 2>/dev/null; }
# crm_xpath EXPRESSION: what crm_mon says, by XPath
crm_xpath() { crm_mon_xml | xmllint --xpath "$1" - 2>/dev/null; }

# ---- the control plane
in_cloud() { nsenter "--net=/run/netns/$CLOUD_NETNS" "$@"; }
client()   { in_cloud /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 TESTBED_CLOUD="$CLOUD" /usr/bin/python3 "$TESTBED/cloud/client.py" "$@"; }

# ---- a guest runs only while its host has power: guests.service of the node holds this lock
has_power() { [ -e "$SHARED/power/$1" ] && ! flock -n "$SHARED/power/$1" true; }

# ---- cgroups: the hierarchies in which systemd of a node must find itself (unified, hybrid or legacy)
cgroup_roots() {
  if [ "$(stat -f -c %T /sys/fs/cgroup 2>/dev/null)" = cgroup2fs ]; then echo /sys/fs/cgroup; return; fi
  local r; for r in /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do [ -d "$r" ] && echo "$r"; done
}
# remove_cgroups [NODE]
remove_cgroups() {
  local r
  for r in $(cgroup_roots); do
    [ -d "$r/$CGROUP${1:+/$1}" ] && find "$r/$CGROUP${1:+/$1}" -depth -type d -exec rmdir {} \; 2>/dev/null
  done
  return 0
}

# lay_over FROM TO: copies a tree into an overlay layer. In a layer a real directory "lib" would hide the
# merged-/usr symlink /lib of the machine, so those go to usr/; the merged directory takes owner and mode
# from the topmost layer, so those must be the system's and not those of a checkout.
lay_over() {
  local from=$1 to=$2 d
  mkdir -p "$to/usr"
  (umask 022; cp -dR --preserve=mode,links "$from/." "$to/") || return 1
  for d in bin sbin lib lib64; do
    if [ -d "$to/$d" ] && [ ! -L "$to/$d" ]; then mkdir -p "$to/usr/$d"; cp -a "$to/$d/." "$to/usr/$d/"; rm -rf "${to:?}/$d"; fi
  done
  chown -R root:root "$to" && find "$to" -type d -exec chmod 755 {} +
}
