/** One event of a server-sent stream. */
export interface StreamEvent {
  readonly event: string;
  readonly data: string;
}

/** Cuts a stream of text into its events; what is not complete yet waits for the next piece. */
export function createStreamParser(): (piece: string) => readonly StreamEvent[] {
  let pieces: string[] = [];
  return (piece) => {
    // It would stand between the two ends of a line that end an event, and hide them from each other.
    if (piece === '') return [];
    // A snapshot comes in hundreds of pieces: they are put together once, at its end.
    const isEndPossible = piece.includes('\n\n') || (piece.startsWith('\n') && pieces.at(-1)?.endsWith('\n'));
    pieces.push(piece);
    if (!isEndPossible) return [];
    const blocks = pieces.join('').split('\n\n');
    pieces = [blocks.pop() ?? ''];
    return blocks.map(parseBlock);
  };
}

function parseBlock(block: string): StreamEvent {
  const fields = new Map<string, string>();
  for (const line of block.split('\n')) {
    const at = line.indexOf(':');
    if (at > 0) fields.set(line.slice(0, at), line.slice(at + 1).trimStart());
  }
  return { event: fields.get('event') ?? 'message', data: fields.get('data') ?? '' };
}
