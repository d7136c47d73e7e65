import * as v from 'valibot';
import { type Result, success } from './result.ts';
import { openServiceReader, versionedPath } from './service-channel.ts';
import type { Session } from './session.ts';

const IMAGE = 'image';

/** `GET /v2/images/{id}`: what an owner adds stands beside what every image has (glance/api/v2/images.py). */
const ImageSchema = v.looseObject({
  id: v.string(),
  name: v.nullish(v.string(), null),
  tags: v.optional(v.array(v.string()), []),
});

/** What every image has; the rest of its members are properties that somebody gave it. */
const BASE_MEMBERS: ReadonlySet<string> = new Set([
  ...['id', 'name', 'tags', 'status', 'visibility', 'owner', 'checksum', 'self', 'file', 'schema', 'size'],
  ...['container_format', 'disk_format', 'created_at', 'updated_at', 'direct_url', 'locations', 'stores'],
  ...['min_disk', 'min_ram', 'virtual_size', 'protected', 'os_hidden', 'os_hash_algo', 'os_hash_value'],
]);

export interface Image {
  readonly id: string;
  readonly name: string;
  readonly tags: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
}

export interface Glance {
  /**
   * One image; null when there is none any more. Asked for by its id, because a list leaves out hidden
   * and community images.
   */
  getImage(id: string): Promise<Result<Image | null>>;
}

/** Makes the Glance client of a session. */
export function createGlance(session: Session): Glance {
  const read = openServiceReader(session, IMAGE);
  return {
    async getImage(id) {
      const path = await versionedPath(session, IMAGE, 'v2', `/images/${encodeURIComponent(id)}`);
      if (!path.ok) return path;
      const answer = await read({ path: path.value }, ImageSchema);
      if (answer.ok) return success(toImage(answer.value));
      const missing = answer.error.code === 'http' && answer.error.status === 404;
      return missing ? success(null) : answer;
    },
  };
}

function toImage(record: v.InferOutput<typeof ImageSchema>): Image {
  const properties = Object.entries(record).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string' && !BASE_MEMBERS.has(entry[0]),
  );
  return {
    id: record.id,
    name: record.name ?? '',
    tags: record.tags,
    properties: Object.fromEntries(properties),
  };
}
