import { like, listAt } from '../like.ts';
import type { Chapter } from '../statement.ts';

/** keystone/common/utils.py isotime with subseconds. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
const REFUSED = {
  status: 401,
  body: {
    error: {
      code: 401,
      title: 'Unauthorized',
      message: 'The request you have made requires authentication.',
    },
  },
};

/** glance/api/middleware/context.py leaves the answer to webob. */
const REFUSED_BY_GLANCE = {
  code: '401 Unauthorized',
  title: 'Unauthorized',
  message: /^This server could not verify that you are authorized/,
};

export const keystone: Chapter = {
  title: 'Keystone',
  tell: (place) => [
    {
      says: 'a login with a password gives a token in a header, and who one is in the body',
      async holds() {
        const answer = await place.login({});
        like(answer, {
          status: 201,
          headers: { 'x-subject-token': /^\S{16,}$/ },
          body: {
            token: {
              issued_at: TIME,
              expires_at: TIME,
              methods: ['password'],
              user: { name: /./ },
              project: { name: /./ },
            },
          },
        });
        const roles = listAt(answer.body, 'token', 'roles').map((role) => role.name);
        like(roles.includes('admin'), true, 'admin among the roles');
      },
    },
    {
      says: 'the catalogue names each service by type, with an endpoint for each interface and region',
      async holds() {
        const catalog = listAt((await place.login({})).body, 'token', 'catalog');
        for (const type of ['compute', 'placement', 'image', 'network']) {
          const service = catalog.find((each) => each.type === type);
          const endpoint = listAt(service, 'endpoints').find((each) => each.interface === 'public');
          like(endpoint, { id: /^\w+$/, region: /./, region_id: /./, url: /^http:\/\// }, type);
        }
      },
    },
    {
      says: 'a wrong password, an unknown user and an unknown project are refused in the same words',
      async holds() {
        for (const login of [{ password: 'wrong' }, { username: 'nobody' }, { project: 'nowhere' }])
          like(await place.login(login), REFUSED, JSON.stringify(login));
      },
    },
    {
      says: 'a path that is none is 404, and not in JSON',
      async holds() {
        like(await place.keystone('GET', '/nothing'), {
          status: 404,
          headers: { 'content-type': /^text\/html/ },
          body: /<h1>Not Found<\/h1>/,
        });
      },
    },
    {
      says: 'a token that is none is 401 at every service, which names Keystone; Glance has words of its own',
      async holds() {
        for (const [service, path] of [
          ['compute', '/os-services'],
          ['placement', '/resource_providers'],
          ['image', '/v2/images'],
          ['network', '/v2.0/ports'],
        ] as const) {
          const answer = await place.ask(service, 'GET', path, { token: 'no-token-at-all' });
          like(answer, { status: 401, headers: { 'www-authenticate': /^Keystone uri="http/ } }, service);
          like(answer.body, service === 'image' ? REFUSED_BY_GLANCE : REFUSED.body, service);
        }
      },
    },
  ],
};
