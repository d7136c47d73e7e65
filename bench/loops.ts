/** The bare loops that the engine is measured against. They repeat nothing and protect nothing. */

export interface LoopPort {
  /** Asks for one evacuation; never rejects. */
  post(server: string): Promise<void>;
  /** Whether the evacuation of this server has ended, as last looked. */
  isOver(server: string): boolean;
  /** Ends at the next look. */
  looked(): Promise<void>;
}

/** So many requests at once, without regard to what becomes of them. */
export async function flood(
  servers: readonly string[],
  atOnce: number,
  port: Pick<LoopPort, 'post'>,
): Promise<void> {
  const queue = [...servers];
  const workers = Array.from({ length: Math.min(atOnce, queue.length) }, async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await port.post(next);
  });
  await Promise.all(workers);
}

/** At most so many evacuations unfinished, from the request on. Ends when the last one has been asked for, or is aborted. */
export async function keepWindow(
  servers: readonly string[],
  unfinished: number,
  port: LoopPort,
  signal: AbortSignal,
): Promise<void> {
  const open = new Set<string>();
  const posts: Promise<void>[] = [];
  for (const server of servers) {
    while (open.size >= unfinished && !signal.aborted) {
      await port.looked();
      for (const each of open) if (port.isOver(each)) open.delete(each);
    }
    if (signal.aborted) break;
    open.add(server);
    posts.push(port.post(server));
  }
  await Promise.all(posts);
}
