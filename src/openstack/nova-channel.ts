import * as v from 'valibot';
import { schemaIssues } from './answers.ts';
import type { CloudError } from './errors.ts';
import { chooseMicroversion, lower, type Microversions } from './microversion.ts';
import { VersionDocumentSchema } from './nova-schemas.ts';
import { failure, type Result, success } from './result.ts';
import type { ServiceAnswer, ServiceRequest, Session } from './session.ts';

const COMPUTE = 'compute';

/** Records asked for in a page; Nova gives at most its own `[api] max_limit` (1000 by default). */
const PAGE_LIMIT = 1000;
/** Pages of one listing: 200 000 servers or migrations. */
const MAX_PAGES = 200;

export interface NovaOptions {
  readonly pageLimit?: number;
  readonly maxPages?: number;
}

/** One page of a listing, and the link to the next. */
export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
}

/** A body as its schema gives it, and Nova's clock when it answered, epoch ms. */
export interface Dated<T> {
  readonly body: T;
  readonly date: number | null;
}

export interface Listing<Item> {
  readonly items: readonly Item[];
  /** Nova's clock when the first page was read, epoch ms. */
  readonly date: number | null;
}

/** The conversation with Nova that its calls share: the microversion, schemas and pages. */
export interface NovaChannel {
  readonly pageLimit: number;
  readonly maxPages: number;
  readonly login: string;
  where(request: ServiceRequest): ReturnType<Session['where']>;
  microversions(): Promise<Result<Microversions>>;
  /** `microversion`: the highest that this request may have. */
  send(request: ServiceRequest): Promise<Result<ServiceAnswer>>;
  /** Sends a request whose answer must fit the schema. */
  ask<T>(request: ServiceRequest, schema: v.GenericSchema<unknown, T>): Promise<Result<Dated<T>>>;
  /** Follows a listing to its end, or to the page that is enough. */
  readPages<Item>(
    request: ServiceRequest,
    schema: v.GenericSchema<unknown, Page<Item>>,
    isEnough?: (page: readonly Item[]) => boolean,
  ): Promise<Result<Listing<Item>>>;
  /** The error for an answer that makes no sense. */
  bad(request: ServiceRequest, message: string): { readonly ok: false; readonly error: CloudError };
}

/**
 * For the life of a session; opening it asks Nova nothing. The version document is asked for with the first request, once for all that
 * wait for it; a failure is not remembered, and after a 406 it is asked for anew.
 */
export function openNovaChannel(session: Session, options: NovaOptions = {}): NovaChannel {
  const pageLimit = options.pageLimit ?? PAGE_LIMIT;
  const maxPages = options.maxPages ?? MAX_PAGES;
  let negotiation: Promise<Result<Microversions>> | null = null;

  async function microversions(): Promise<Result<Microversions>> {
    negotiation ??= negotiate(session);
    const asked = negotiation;
    const answer = await asked;
    if (!answer.ok && negotiation === asked) negotiation = null;
    return answer;
  }

  async function send(request: ServiceRequest): Promise<Result<ServiceAnswer>> {
    const versions = await microversions();
    if (!versions.ok) return versions;
    const { used } = versions.value;
    const microversion = lower(request.microversion ?? used, used);
    const answer = await session.request(COMPUTE, { ...request, microversion });
    // 406: Nova was downgraded under us. The next request negotiates anew.
    if (!answer.ok && answer.error.code === 'http' && answer.error.status === 406) negotiation = null;
    return answer;
  }

  function bad(request: ServiceRequest, message: string): { readonly ok: false; readonly error: CloudError } {
    const effect = request.method === 'GET' ? 'none' : 'unknown';
    const where = session.where(COMPUTE, request);
    return failure({ code: 'bad-answer', certainty: 'passing', effect, ...where, message });
  }

  async function ask<T>(
    request: ServiceRequest,
    schema: v.GenericSchema<unknown, T>,
  ): Promise<Result<Dated<T>>> {
    const answer = await send(request);
    if (!answer.ok) return answer;
    const body = v.safeParse(schema, answer.value.body);
    if (!body.success) return bad(request, schemaIssues(body.issues));
    return success({ body: body.output, date: answer.value.date });
  }

  /**
   * The marker is taken from the `next` link, but the link itself is not followed: behind a proxy it may name
   * a host or scheme that only Nova can reach. Records come newest first and the marker is found by its
   * creation time, so what is created or moves meanwhile shifts nothing.
   */
  async function readPages<Item>(
    request: ServiceRequest,
    schema: v.GenericSchema<unknown, Page<Item>>,
    isEnough: (page: readonly Item[]) => boolean = () => false,
  ): Promise<Result<Listing<Item>>> {
    const items: Item[] = [];
    const markers = new Set<string>();
    let query = request.query;
    let date: number | null = null;
    for (let page = 0; page < maxPages; page += 1) {
      const answer = await ask({ ...request, query: query ?? {} }, schema);
      if (!answer.ok) return answer;
      if (page === 0) date = answer.value.date;
      items.push(...answer.value.body.items);
      const next = answer.value.body.next;
      if (next === null || isEnough(answer.value.body.items)) return success({ items, date });
      const marker = markerOf(next);
      if (marker === null || markers.has(marker))
        return bad(request, 'the link to the next page leads nowhere new');
      markers.add(marker);
      query = { ...request.query, limit: request.query?.limit ?? pageLimit, marker };
    }
    return bad(request, `the listing has more than ${maxPages} pages`);
  }

  return {
    pageLimit,
    maxPages,
    login: session.login,
    where: (request) => session.where(COMPUTE, request),
    microversions,
    send,
    ask,
    readPages,
    bad,
  };
}

/** One record an id: the one read last, where reading took several pages and the record changed meanwhile. */
export function latest<T>(records: readonly T[], idOf: (record: T) => string): T[] {
  return [...new Map(records.map((record) => [idOf(record), record])).values()];
}

function markerOf(link: string): string | null {
  const url = URL.canParse(link, 'http://nova/') ? new URL(link, 'http://nova/') : null;
  return url?.searchParams.get('marker') ?? null;
}

async function negotiate(session: Session): Promise<Result<Microversions>> {
  const request: ServiceRequest = { method: 'GET', at: 'version', path: '/' };
  const answer = await session.request(COMPUTE, request);
  if (!answer.ok) return answer;
  const document = v.safeParse(VersionDocumentSchema, answer.value.body);
  if (!document.success) {
    const where = session.where(COMPUTE, request);
    const message = `no version document of Nova: ${schemaIssues(document.issues)}`;
    return failure({ code: 'bad-answer', certainty: 'passing', effect: 'none', ...where, message });
  }
  return chooseMicroversion(document.output.version.min_version, document.output.version.version);
}
