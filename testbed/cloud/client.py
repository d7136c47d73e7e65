#!/usr/bin/python3
"""The testbed's own client of its cloud: a thin layer over the real HTTP APIs.

usage: client.py seed | ready N SECONDS | check N | warm HOST...
       client.py boot COUNT [HOST] [--prefix NAME] [--floating|--no-network] | delete-all
       client.py servers | services | migrations | addresses
       client.py force-down HOST true|false | enable HOST | disable HOST [REASON] | evacuate UUID...
"""
import json
import os
import re
import sys
import time

import requests

CLOUD = os.environ['TESTBED_CLOUD']
SEED = CLOUD + '/seed.json'
BOOT_BATCH = 10         # nova asks placement n*n times for n servers of one request
BOOT_TIMEOUT_S = 300
DELETE_TIMEOUT_S = 180
REQUEST_TIMEOUT_S = 60
RETRY_INTERVAL_S = 0.3
WARM_TRIES = 3
WARM_TIMEOUT_S = 90


def read_rc(path):
    with open(path) as f:
        return dict(re.findall(r'^export (OS_\w+)=(.*)$', f.read(), re.M))


class Client:
    def __init__(self):
        self.rc = read_rc(CLOUD + '/openrc')
        self.session = requests.Session()
        self.token = None
        self.catalog = {}

    def login(self):
        r = self.session.post(self.rc['OS_AUTH_URL'] + '/auth/tokens', json={'auth': {
            'identity': {'methods': ['password'], 'password': {'user': {
                'name': self.rc['OS_USERNAME'], 'domain': {'name': self.rc['OS_USER_DOMAIN_NAME']},
                'password': self.rc['OS_PASSWORD']}}},
            'scope': {'project': {'name': self.rc['OS_PROJECT_NAME'],
                                  'domain': {'name': self.rc['OS_PROJECT_DOMAIN_NAME']}}}}}, timeout=20)
        r.raise_for_status()
        self.token = r.headers['X-Subject-Token']
        for svc in r.json()['token']['catalog']:
            for e in svc['endpoints']:
                if e['interface'] == 'public':
                    self.catalog[svc['type']] = e['url']
        self.project = r.json()['token']['project']['id']

    def call(self, method, path, body=None, microversion='2.93', service='compute', raw=None):
        if not self.token:
            self.login()
        h = {'X-Auth-Token': self.token, 'Accept': 'application/json'}
        if service == 'compute':
            h['OpenStack-API-Version'] = 'compute ' + microversion
        if service == 'placement':
            h['OpenStack-API-Version'] = 'placement 1.36'
        if raw is not None:
            h['Content-Type'] = 'application/octet-stream'
        return self.session.request(method, self.catalog[service] + path, json=body, data=raw, headers=h,
                                    timeout=REQUEST_TIMEOUT_S)

    def get(self, path, **kw):
        r = self.call('GET', path, **kw)
        r.raise_for_status()
        return r.json()

    def make(self, path, body, **kw):
        r = self.call('POST', path, body, **kw)
        if r.status_code >= 300:
            raise SystemExit('POST %s: %d %s' % (path, r.status_code, r.text))
        return r.json() if r.text else {}

    def services(self):
        return self.get('/os-services?binary=nova-compute')['services']

    def set_service(self, host, **kw):
        uuid = next(s['id'] for s in self.services() if s['host'] == host)
        r = self.call('PUT', '/os-services/' + uuid, kw)
        if r.status_code >= 300:
            raise SystemExit('%s: %d %s' % (host, r.status_code, r.text))
        return r.json()['service']

    def servers(self, query=''):
        out, marker = [], ''
        while True:
            page = self.get('/servers/detail?all_tenants=1&limit=1000' + query + marker)['servers']
            out += page
            if len(page) < 1000:
                return out
            marker = '&marker=' + page[-1]['id']

    # ---- neutron
    def network(self, path):
        return self.get('/v2.0' + path, service='network')

    def ensure_network(self, kind, body):
        """The object of that name, made when it is not there."""
        found = self.network('/%ss?name=%s' % (kind, body['name']))[kind + 's']
        return (found or [self.make('/v2.0/%ss' % kind, {kind: body}, service='network')[kind]])[0]['id']

    # ---- servers
    def boot(self, count, host=None, prefix='vm', network=True):
        seed, left = json.load(open(SEED)), count
        before = {s['id'] for s in self.servers()}
        while left:
            n = min(left, BOOT_BATCH)
            server = {'name': '%s-%d' % (prefix, left), 'flavorRef': seed['flavor'], 'imageRef': seed['image'],
                      'networks': [{'uuid': seed['network']}] if network else 'none', 'min_count': n, 'max_count': n}
            if host:
                server['host'] = host        # microversion 2.74
            self.make('/servers', {'server': server})
            left -= n
        end = time.time() + BOOT_TIMEOUT_S
        while time.time() < end:
            new = [s for s in self.servers() if s['id'] not in before]
            bad = [s for s in new if s['status'] == 'ERROR']
            if bad:
                raise SystemExit('server in ERROR: ' + json.dumps(bad[0].get('fault')))
            if len(new) == count and all(s['status'] == 'ACTIVE' for s in new):
                return new
            time.sleep(0.5)
        raise SystemExit('servers not ACTIVE within %d s' % BOOT_TIMEOUT_S)

    def warm(self, hosts):
        """The first server of each host, made and deleted. What a cloud does at first use only (rows, imports, caches)
        is slow; when a drill's first servers all wait for it at once, nova was seen to put one in ERROR."""
        seed, names = json.load(open(SEED)), {}
        for attempt in range(WARM_TRIES):
            for host in hosts:
                if host not in names:
                    names[host] = self.make('/servers', {'server': {
                        'name': 'warm-' + host, 'host': host, 'flavorRef': seed['flavor'], 'imageRef': seed['image'],
                        'networks': [{'uuid': seed['network']}]}})['server']['id']
            until(WARM_TIMEOUT_S, lambda: not [s for s in self.servers() if s['status'] == 'BUILD'], 'the first servers')
            for s in self.servers():
                if s['status'] == 'ERROR':
                    print('%s: %s' % (s['name'], (self.get('/servers/' + s['id'])['server'].get('fault') or {}).get('message')))
                    names = {h: i for h, i in names.items() if i != s['id']}
            self.delete_all()
            if len(names) == len(hosts):
                return
        raise SystemExit('the first servers could not be made')

    def add_floating(self, server):
        seed = json.load(open(SEED))
        port = self.network('/ports?device_id=' + server)['ports'][0]['id']
        return self.make('/v2.0/floatingips', {'floatingip': {
            'floating_network_id': seed['external_network'], 'port_id': port}},
            service='network')['floatingip']['floating_ip_address']

    def delete_all(self):
        for s in self.servers():
            self.call('DELETE', '/servers/' + s['id'])
        for f in self.network('/floatingips')['floatingips']:
            self.call('DELETE', '/v2.0/floatingips/' + f['id'], service='network')
        end = time.time() + DELETE_TIMEOUT_S
        while self.servers():
            if time.time() > end:
                raise SystemExit('servers not deleted within %d s' % DELETE_TIMEOUT_S)
            time.sleep(0.5)

    def seed(self):
        """What servers are made of: flavor, image, tenant network behind a router, external network."""
        until(60, lambda: 'flavors' in self.get('/flavors'), 'nova-api')
        r = self.call('POST', '/flavors', {'flavor': {'name': 'm1.testbed', 'id': 'testbed', 'ram': 64, 'vcpus': 1, 'disk': 1}})
        if r.status_code not in (200, 409):
            raise SystemExit('flavor: %d %s' % (r.status_code, r.text))
        until(60, lambda: 'images' in self.get('/v2/images', service='image'), 'glance')
        images = self.get('/v2/images?name=testbed', service='image')['images']
        if not images:
            images = [self.make('/v2/images', {'name': 'testbed', 'disk_format': 'raw', 'visibility': 'public',
                                               'container_format': 'bare'}, service='image')]
            self.call('PUT', '/v2/images/%s/file' % images[0]['id'], raw=b'\0' * 1024, service='image').raise_for_status()
        until(60, lambda: 'ports' in self.network('/ports'), 'neutron')
        network = self.ensure_network('network', {'name': 'tenant'})
        subnet = self.ensure_network('subnet', {'name': 'tenant-v4', 'network_id': network, 'ip_version': 4,
                                                'cidr': '172.30.0.0/20', 'enable_dhcp': False})
        external = self.ensure_network('network', {'name': 'external', 'router:external': True})
        external_subnet = self.ensure_network('subnet', {'name': 'external-v4', 'network_id': external, 'ip_version': 4,
                                                         'cidr': '198.18.0.0/20', 'enable_dhcp': False})
        router = self.ensure_network('router', {'name': 'router', 'external_gateway_info': {'network_id': external}})
        if not self.network('/ports?device_id=%s&network_id=%s' % (router, network))['ports']:
            r = self.call('PUT', '/v2.0/routers/%s/add_router_interface' % router, {'subnet_id': subnet}, service='network')
            r.raise_for_status()
        data = {'region': self.rc['OS_REGION_NAME'], 'project': self.project, 'flavor': 'testbed', 'flavor_name': 'm1.testbed',
                'image': images[0]['id'], 'image_name': 'testbed', 'network': network, 'network_name': 'tenant', 'subnet': subnet,
                'external_network': external, 'external_network_name': 'external', 'external_subnet': external_subnet,
                'router': router}
        with open(SEED + '.new', 'w') as f:
            json.dump(data, f, indent=1)
        os.rename(SEED + '.new', SEED)

    def unready(self, n):
        """What is missing for the cloud to be whole, in words; empty when nothing is."""
        up = [s for s in self.services() if s['state'] == 'up']
        control = {s['binary'] for s in self.get('/os-services')['services'] if s['state'] == 'up'}
        if not control >= {'nova-conductor', 'nova-scheduler'}:
            return 'conductor or scheduler is down'
        if len(up) < n:
            return '%d of %d nova-compute are up' % (len(up), n)
        off = [s['host'] for s in up if s['status'] != 'enabled' or s['forced_down']]
        if off:
            return 'disabled or forced down: ' + ' '.join(off)
        if len(self.get('/os-hypervisors')['hypervisors']) < n:
            return 'hosts are not mapped to the cell'
        if len(self.get('/resource_providers', service='placement')['resource_providers']) < n:
            return 'hosts are not in placement'
        return ''


def until(seconds, fn, what):
    end, last = time.time() + seconds, None
    while time.time() < end:
        try:
            if fn():
                return
            last = None
        except (requests.RequestException, KeyError, ValueError) as e:
            last = e
        time.sleep(RETRY_INTERVAL_S)
    raise SystemExit('gave up after %ss waiting for %s %s' % (seconds, what() if callable(what) else what, last or ''))


def main(argv):
    if not argv or argv[0] in ('-h', '--help'):
        print(__doc__)
        return
    c, command, args = Client(), argv[0], argv[1:]
    if command == 'seed':
        until(60, lambda: c.login() or True, 'keystone')
        c.seed()
    elif command == 'ready':
        reason = ['an answer']

        def whole():
            reason[0] = c.unready(int(args[0]))
            return not reason[0]
        until(int(args[1]), whole, lambda: reason[0])
    elif command == 'warm':
        c.warm(args)
    elif command == 'check':
        reason = c.unready(int(args[0]))
        if reason:
            raise SystemExit(reason)
    elif command == 'boot':
        prefix, floating = 'vm', '--floating' in args
        if '--prefix' in args:
            i = args.index('--prefix')
            prefix = args[i + 1]
            del args[i:i + 2]
        network = '--no-network' not in args
        args = [a for a in args if a not in ('--floating', '--no-network')]
        for s in c.boot(int(args[0]), args[1] if len(args) > 1 else None, prefix, network):
            print(s['id'], s['OS-EXT-SRV-ATTR:host'], s['status'],
                  ','.join(a['addr'] for n in s['addresses'].values() for a in n),
                  c.add_floating(s['id']) if floating else '')
    elif command == 'delete-all':
        c.delete_all()
    elif command == 'servers':
        for s in c.servers():
            print(s['id'], s['OS-EXT-SRV-ATTR:host'], s['status'], s['OS-EXT-STS:vm_state'], s['OS-EXT-STS:task_state'],
                  s['OS-EXT-STS:power_state'], s['name'])
    elif command == 'services':
        for s in c.get('/os-services')['services']:
            print(s['binary'], s['host'], s['state'], s['status'], 'forced_down=%s' % s.get('forced_down'), s['updated_at'])
    elif command == 'migrations':
        for m in c.get('/os-migrations?migration_type=evacuation&limit=1000')['migrations']:
            print(m['id'], m['instance_uuid'], m['source_compute'], m['dest_compute'], m['status'], m['created_at'], m['updated_at'])
    elif command == 'addresses':
        floating = {f['port_id']: f['floating_ip_address'] for f in c.network('/floatingips')['floatingips']}
        for p in c.network('/ports')['ports']:
            if p['device_owner'].startswith('compute:'):
                print(p['device_id'], p['binding:host_id'], p['binding:vif_type'], p['status'],
                      ','.join(i['ip_address'] for i in p['fixed_ips']), floating.get(p['id'], '-'))
    elif command == 'force-down':
        print(c.set_service(args[0], forced_down=args[1] == 'true'))
    elif command in ('enable', 'disable'):
        reason = {'disabled_reason': args[1]} if len(args) > 1 else {}
        print(c.set_service(args[0], status=command + 'd', **reason))
    elif command == 'evacuate':
        for uuid in args:
            print(uuid, c.call('POST', '/servers/%s/action' % uuid, {'evacuate': {}}).status_code)
    else:
        raise SystemExit(__doc__)


if __name__ == '__main__':
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
