import type { ServerResponse } from 'node:http';
import { request } from 'node:http';
import type { Result } from '../core/result.ts';
import { readStaticFiles } from '../http/files.ts';
import { type LabPort, labRoutes } from '../http/lab-routes.ts';
import { listen, type Reply, type Route, type RunningServer } from '../http/server.ts';

/** The lab's own address: the page, what may be broken, and whichever evacuator works just now behind it. */
export async function openFront(options: {
  readonly port: number;
  readonly pageDirectory: string;
  readonly lab: LabPort;
  /** The port of the evacuator at work; null: none works. */
  readonly evacuatorPort: () => number | null;
}): Promise<Result<RunningServer, string>> {
  const passOn: Route['answer'] = ({ incoming }, response) =>
    pass(options.evacuatorPort(), incoming.url ?? '/', response);
  return listen({
    access: { address: { host: '127.0.0.1', port: options.port }, tls: null, token: null },
    files: await readStaticFiles(options.pageDirectory),
    routes: [
      ...labRoutes(options.lab),
      { method: 'GET', path: '/api/', answer: passOn },
      { method: 'GET', path: '/healthz', answer: passOn },
    ],
  });
}

const NOBODY: Reply = { status: 503, type: 'text/plain; charset=utf-8', body: 'no evacuator answers\n' };

/** Hands a question to an evacuator and its answer back, a stream piece by piece. */
function pass(port: number | null, path: string, response: ServerResponse): Promise<Reply> {
  if (port === null) return Promise.resolve(NOBODY);
  return new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', port, path }, (given) => {
      response.writeHead(given.statusCode ?? 502, given.headers);
      given.pipe(response);
      // The end of an evacuator is the end of its stream.
      given.on('error', () => response.destroy());
      given.on('close', () => response.end());
      resolve('stream');
    });
    asked.on('error', () => resolve(NOBODY));
    response.on('close', () => asked.destroy());
    asked.end();
  });
}
