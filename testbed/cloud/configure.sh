# Writes the configuration of every service; sourced by start. No service takes anything from /etc.
# shellcheck shell=bash
mkdir -p "$ETC"/{keystone,placement,nova,neutron/plugin,glance}
keystone_user() { cat <<E
auth_url = $AUTH_URL
auth_type = password
project_domain_id = default
user_domain_id = default
project_name = service
username = testbed
password = $SERVICE_PASSWORD
region_name = $REGION
E
}
authtoken() { cat <<E
[keystone_authtoken]
www_authenticate_uri = $AUTH_URL
service_token_roles_required = true
service_token_roles = service
$(keystone_user)
E
}
service_client() { echo "[$1]"; keystone_user; }

# ---- RabbitMQ: its own node, epmd and cookie
mkdir -p "$CLOUD/rabbit"
cat > "$CLOUD/rabbit/rabbitmq.conf" <<E
listeners.tcp.1 = $CLOUD_IP:$AMQP_PORT
default_user = testbed
default_pass = $SERVICE_PASSWORD
loopback_users = none
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.relative = 0.4
log.console = false
log.file.level = warning
E
echo '[].' > "$CLOUD/rabbit/enabled_plugins"

cat > "$ETC/keystone/keystone.conf" <<E
[DEFAULT]
log_file =
use_stderr = true
[database]
connection = $(db_url keystone)
[token]
provider = fernet
expiration = 86400
[fernet_tokens]
key_repository = $ETC/keystone/fernet-keys
[fernet_receipts]
key_repository = $ETC/keystone/fernet-keys
[credential]
key_repository = $ETC/keystone/credential-keys
[cache]
enabled = true
backend = dogpile.cache.memory
E

cat > "$ETC/placement/placement.conf" <<E
[DEFAULT]
use_stderr = true
[placement_database]
connection = $(db_url placement)
[api]
auth_strategy = keystone
$(authtoken)
E

# nova_conf control|compute. A compute node has no way to the databases and must not name them:
# nova-compute would wait 100 s for MariaDB.
nova_conf() {
  cat <<E
[DEFAULT]
transport_url = $AMQP
my_ip = 127.0.0.1
use_stderr = true
log_file =
report_interval = $TESTBED_REPORT_INTERVAL
service_down_time = $TESTBED_DOWN_TIME
compute_driver = testbed.TestbedDriver
max_concurrent_builds = 10
default_log_levels = amqp=WARN,sqlalchemy=WARN,oslo.messaging=WARN,oslo_messaging=WARN,urllib3=WARN,keystonemiddleware=WARN,stevedore=WARN,keystoneauth=WARN,oslo.cache=WARN,oslo_policy=ERROR
rpc_response_timeout = 30
force_config_drive = false
# nothing plugs a port here, so nobody would tell nova that it is plugged
vif_plugging_is_fatal = false
vif_plugging_timeout = 0
# a guest of a host that comes back may run elsewhere by then
resume_guests_state_on_host_boot = false
E
  if [ "$1" = compute ]; then
    printf 'state_path = /var/lib/nova\n[oslo_concurrency]\nlock_path = /run/nova-lock\n'
  else
    cat <<E
host = controller
state_path = $CLOUD/state
enabled_apis = osapi_compute
[api]
auth_strategy = keystone
# behind front.py the log still names the client
use_forwarded_for = true
[api_database]
connection = $(db_url nova_api)
[database]
connection = $(db_url nova)
[oslo_concurrency]
lock_path = $CLOUD/lock
[conductor]
workers = 1
[scheduler]
workers = 1
discover_hosts_in_cells_interval = 5
[quota]
instances = -1
cores = -1
ram = -1
server_groups = -1
server_group_members = -1
E
  fi
  cat <<E
[oslo_messaging_notifications]
driver = noop
[vnc]
enabled = false
[cinder]
catalog_info = volumev3::publicURL
$(authtoken)
$(service_client placement)
$(service_client neutron)
$(service_client glance)
$(service_client service_user)
send_service_user_token = true
E
}
nova_conf control > "$ETC/nova/nova.conf"
cp -f /usr/share/nova-common/api-paste.ini "$ETC/nova/api-paste.ini"
(umask 077; nova_conf compute > "$SHARED/nova.conf.new") && mv "$SHARED/nova.conf.new" "$SHARED/nova.conf"

# ---- Neutron: ports, addresses and routers are rows in the database; the mechanism driver of
# neutron_driver.py binds every port, because there is no agent that could
cat > "$ETC/neutron/neutron.conf" <<E
[DEFAULT]
use_stderr = true
core_plugin = ml2
service_plugins = router
auth_strategy = keystone
transport_url = $AMQP
notify_nova_on_port_status_changes = false
notify_nova_on_port_data_changes = false
api_paste_config = $ETC/neutron/api-paste.ini
state_path = $CLOUD/state
dhcp_agent_notification = false
rpc_workers = 0
enable_dvr = false
max_l3_agents_per_router = 1
[database]
connection = $(db_url neutron)
[oslo_concurrency]
lock_path = $CLOUD/lock
[oslo_messaging_notifications]
driver = noop
[ml2]
type_drivers = local
tenant_network_types = local
mechanism_drivers = testbed
[quotas]
quota_network = -1
quota_subnet = -1
quota_port = -1
quota_router = -1
quota_floatingip = -1
quota_security_group = -1
quota_security_group_rule = -1
$(authtoken)
E
cp -f /usr/lib/python3/dist-packages/neutron/tests/etc/api-paste.ini "$ETC/neutron/api-paste.ini"
# Neutron finds its drivers by the entry points of installed packages: this is one, on PYTHONPATH.
plugin=$ETC/neutron/plugin
cp -f "$TESTBED/cloud/neutron_driver.py" "$plugin/testbed_neutron_driver.py"
mkdir -p "$plugin/testbed_neutron_driver-1.0.dist-info"
printf 'Metadata-Version: 2.1\nName: testbed-neutron-driver\nVersion: 1.0\n' > "$plugin/testbed_neutron_driver-1.0.dist-info/METADATA"
printf '[neutron.ml2.mechanism_drivers]\ntestbed = testbed_neutron_driver:TestbedMechanismDriver\n' > "$plugin/testbed_neutron_driver-1.0.dist-info/entry_points.txt"
# The port list needs this model and configured mappers, which other plugins would have seen to.
cat > "$ETC/neutron/wsgi.py" <<'E'
import neutron.db.models.port_forwarding  # noqa: F401
import sqlalchemy.orm
from neutron.cmd.eventlet.server import main_api_eventlet
application = main_api_eventlet()
sqlalchemy.orm.configure_mappers()
E

cat > "$ETC/glance/glance-api.conf" <<E
[DEFAULT]
use_stderr = true
enabled_backends = testbed:file
bind_host = $CLOUD_IP
worker_self_reference_url = http://$CLOUD_IP:$GLANCE_PORT
[glance_store]
default_backend = testbed
[testbed]
filesystem_store_datadir = $CLOUD/glance/images
[os_glance_staging_store]
filesystem_store_datadir = $CLOUD/glance/staging
[os_glance_tasks_store]
filesystem_store_datadir = $CLOUD/glance/tasks
[database]
connection = $(db_url glance)
[paste_deploy]
flavor = keystone
config_file = $ETC/glance/glance-api-paste.ini
[oslo_messaging_notifications]
driver = noop
$(authtoken)
E
# Debian keeps this file in glance-common, the rest of glance in python3-glance.
cat > "$ETC/glance/glance-api-paste.ini" <<'E'
[pipeline:glance-api-keystone]
pipeline = http_proxy_to_wsgi versionnegotiation authtoken context rootapp
[composite:rootapp]
paste.composite_factory = glance.api:root_app_factory
/: apiversions
/v2: apiv2app
[app:apiversions]
paste.app_factory = glance.api.versions:create_resource
[app:apiv2app]
paste.app_factory = glance.api.v2.router:API.factory
[filter:versionnegotiation]
paste.filter_factory = glance.api.middleware.version_negotiation:VersionNegotiationFilter.factory
[filter:context]
paste.filter_factory = glance.api.middleware.context:ContextMiddleware.factory
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
delay_auth_decision = true
[filter:http_proxy_to_wsgi]
paste.filter_factory = oslo_middleware:HTTPProxyToWSGI.factory
E
echo 'from glance.common.wsgi_app import init_app; application = init_app()' > "$ETC/glance/wsgi.py"
