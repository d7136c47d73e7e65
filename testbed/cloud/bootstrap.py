#!/usr/bin/python3
"""Fills Keystone: the service project, its user, the catalogue.  usage: bootstrap.py TYPE=NAME=URL..."""
import os
import sys

import requests

auth_url, region = os.environ['OS_AUTH_URL'], os.environ['OS_REGION_NAME']
s = requests.Session()
r = s.post(auth_url + '/auth/tokens', json={'auth': {
    'identity': {'methods': ['password'], 'password': {'user': {
        'name': 'admin', 'domain': {'id': 'default'}, 'password': os.environ['OS_PASSWORD']}}},
    'scope': {'project': {'name': 'admin', 'domain': {'id': 'default'}}}}})
r.raise_for_status()
s.headers['X-Auth-Token'] = r.headers['X-Subject-Token']


def ensure(kind, plural, body, **query):
    found = s.get('%s/%s' % (auth_url, plural), params=query).json()[plural]
    if found:
        return found[0]['id']
    r = s.post('%s/%s' % (auth_url, plural), json={kind: body})
    r.raise_for_status()
    return r.json()[kind]['id']


project = ensure('project', 'projects', {'name': 'service', 'domain_id': 'default'},
                 name='service', domain_id='default')
user = ensure('user', 'users', {'name': 'testbed', 'domain_id': 'default', 'password': os.environ['SERVICE_PASSWORD'],
                                'default_project_id': project}, name='testbed', domain_id='default')
for name in ('admin', 'service'):
    role = ensure('role', 'roles', {'name': name}, name=name)
    s.put('%s/projects/%s/users/%s/roles/%s' % (auth_url, project, user, role)).raise_for_status()
for spec in sys.argv[1:]:
    kind, name, url = spec.split('=', 2)
    service = ensure('service', 'services', {'type': kind, 'name': name}, type=kind, name=name)
    for interface in ('public', 'internal', 'admin'):
        ensure('endpoint', 'endpoints', {'service_id': service, 'interface': interface, 'region_id': region, 'url': url},
               service_id=service, interface=interface)
