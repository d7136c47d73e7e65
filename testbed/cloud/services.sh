# The processes of the control plane: how each is started, stopped, and known to be there. Sourced after
# ../lib.sh, and only by scripts that run in the cloud's network namespace with a clean environment.
# shellcheck shell=bash
ETC=$CLOUD/etc PIDS=$CLOUD/pids LOG=$CLOUD/log
PY=/usr/bin/python3
MYSQL_SOCKET=$CLOUD/mysql.sock MYSQL_PORT=23306
AMQP_PORT=25673 DIST_PORT=25674 EPMD_PORT=24369
KEYSTONE_PORT=5000 PLACEMENT_PORT=8778 NEUTRON_PORT=9696 GLANCE_PORT=9292
REGION=RegionOne
AUTH_URL=http://$CLOUD_IP:$KEYSTONE_PORT/v3
# The services' own password, for the databases, the queue and their Keystone user. The administrator's
# is another one, made anew at each `up`: a test may look for it where it must not be.
SERVICE_PASSWORD=testbed
AMQP=rabbit://testbed:$SERVICE_PASSWORD@$CLOUD_IP:$AMQP_PORT/
db_url() { echo "mysql+pymysql://testbed:$SERVICE_PASSWORD@127.0.0.1:$MYSQL_PORT/$1?charset=utf8"; }
sql()    { mariadb --no-defaults --socket="$MYSQL_SOCKET" -u root "$@"; }

# in the order of starting; stopping goes the other way round
SERVICES="mysql epmd rabbit keystone placement neutron-api glance-api nova-conductor nova-scheduler nova-api"

# in_cloud_netns SCRIPT ARGS...: runs the script itself again, in the cloud's namespace. uwsgi and the
# OpenStack services take much from the environment, so it is built anew.
enter_cloud() {
  [ "${IN_TESTBED_CLOUD-}" = 1 ] && return
  [ -e "/run/netns/$CLOUD_NETNS" ] || die "the testbed is not up"
  local v knobs=()
  for v in "${!TESTBED_@}"; do knobs+=("$v=${!v}"); done
  exec nsenter "--net=/run/netns/$CLOUD_NETNS" /usr/bin/env -i IN_TESTBED_CLOUD=1 HOME="$CLOUD/home" LANG=C.UTF-8 \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin PYTHONWARNINGS=ignore PYTHONDONTWRITEBYTECODE=1 \
    OS_KEYSTONE_CONFIG_DIR="$ETC/keystone" OS_PLACEMENT_CONFIG_DIR="$ETC/placement" OS_NOVA_CONFIG_DIR="$ETC/nova" \
    OS_NEUTRON_CONFIG_FILES=neutron.conf OS_NEUTRON_CONFIG_DIR="$ETC/neutron" OS_GLANCE_CONFIG_DIR="$ETC/glance" \
    "${knobs[@]}" "$@"
}

is_service() { case " $SERVICES " in *" $1 "*) true;; *) false;; esac; }
running()    { pid_of "$PIDS/$1.pid" > /dev/null; }
launch()     { daemon "$PIDS/$1.pid" "$LOG/$1.log" "${@:2}"; }
# web NAME ADDRESS:PORT PROCESSES THREADS WSGI-FILE [OPTION...]. One connection a request: nothing then waits on
# a dead process.
web() {
  launch "$1" /usr/bin/uwsgi --plugin python3 --master --die-on-term --lazy-apps --need-app --buffer-size 65535 \
    --enable-threads --listen 100 --http-socket "$2" --processes "$3" --threads "$4" --wsgi-file "$5" \
    --add-header 'Connection: close' --procname-prefix "testbed-$1 " --auto-procname --log-5xx --disable-logging "${@:6}"
}
rabbit_environment() {
  local r=$CLOUD/rabbit
  export HOME="$r" RABBITMQ_NODENAME=testbed@localhost RABBITMQ_MNESIA_BASE="$r/mnesia" RABBITMQ_LOG_BASE="$LOG/rabbit" \
    RABBITMQ_CONFIG_FILE="$r/rabbitmq.conf" RABBITMQ_ENABLED_PLUGINS_FILE="$r/enabled_plugins" RABBITMQ_CONF_ENV_FILE=/dev/null \
    RABBITMQ_DIST_PORT=$DIST_PORT RABBITMQ_PID_FILE="$PIDS/rabbit-node" ERL_EPMD_PORT=$EPMD_PORT ERL_EPMD_ADDRESS=127.0.0.1 \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none"
}

start_service() {
  running "$1" && return 0
  case $1 in
    # no durability: this database is never needed after a crash
    mysql) launch mysql /usr/sbin/mariadbd --no-defaults --user=mysql --datadir="$CLOUD/mysql" --socket="$MYSQL_SOCKET" \
        --pid-file="$CLOUD/mysql/mariadbd.pid" --bind-address=127.0.0.1 --port=$MYSQL_PORT --skip-log-bin --skip-name-resolve \
        --max-connections=600 --character-set-server=utf8mb3 --innodb-buffer-pool-size=192M --innodb-log-file-size=24M \
        --innodb-flush-log-at-trx-commit=0 --innodb-flush-method=fsync --innodb-doublewrite=0 --performance-schema=OFF ;;
    epmd)   ( rabbit_environment; launch epmd /usr/bin/epmd -port $EPMD_PORT -address 127.0.0.1 ) ;;
    rabbit) start_service epmd; ( rabbit_environment; launch rabbit /usr/lib/rabbitmq/bin/rabbitmq-server ) ;;
    keystone)   web keystone "$CLOUD_IP:$KEYSTONE_PORT" 1 4 /usr/bin/keystone-wsgi-public ;;
    placement)  web placement "$CLOUD_IP:$PLACEMENT_PORT" 1 4 /usr/bin/placement-api ;;
    # monkey-patched by eventlet: one thread a process (with 4, a request was seen to hang)
    neutron-api) PYTHONPATH=$ETC/neutron/plugin web neutron-api "$CLOUD_IP:$NEUTRON_PORT" 2 1 "$ETC/neutron/wsgi.py" ;;
    glance-api) web glance-api "$CLOUD_IP:$GLANCE_PORT" 1 2 "$ETC/glance/wsgi.py" ;;
    # on every address, so that front.py can take over the one that clients know
    nova-api)   web nova-api "0.0.0.0:$NOVA_PORT" "$TESTBED_API_WORKERS" 1 /usr/bin/nova-api-wsgi --reuse-port ;;
    nova-conductor|nova-scheduler) launch "$1" "/usr/bin/$1" --config-file "$ETC/nova/nova.conf" ;;
  esac
}
# stop_service NAME [SIGNAL]
stop_service() {
  local signal=TERM
  case $1 in
    keystone|placement|*-api) signal=INT;;     # uwsgi: at once, requests in flight are lost
    epmd) signal=KILL;;
  esac
  end_process "$PIDS/$1.pid" "${2:-$signal}"
}
http_answers() { [ "$(curl -s -o /dev/null -m 3 -w '%{http_code}' "$1")" != 000 ]; }
port_open()    { (exec 3<> "/dev/tcp/$1/$2") 2>/dev/null; }
service_answers() {
  case $1 in
    mysql)  sql -e 'select 1';;
    epmd)   port_open 127.0.0.1 $EPMD_PORT;;
    rabbit) port_open "$CLOUD_IP" $AMQP_PORT;;
    keystone)    http_answers "$AUTH_URL";;
    placement)   http_answers "http://$CLOUD_IP:$PLACEMENT_PORT/";;
    neutron-api) http_answers "http://$CLOUD_IP:$NEUTRON_PORT/";;
    glance-api)  http_answers "http://$CLOUD_IP:$GLANCE_PORT/";;
    nova-api)    http_answers "http://$CLOUD_IP:$NOVA_PORT/";;
    *) running "$1";;
  esac
}
