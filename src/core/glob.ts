/**
 * Whether a text fits a pattern as a whole: `*` and `?` stand for any characters and for one; everything else for itself. Users choose
 * the names that are matched: as a regular expression a pattern with a few stars takes minutes for some of them. Here only the
 * last star is tried again, for what those before it take is never of use to those after them.
 */
export function fitsGlob(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  /** Behind the last star, and where in the text its match ends. */
  let star: { readonly p: number; t: number } | null = null;
  while (t < text.length) {
    if (pattern[p] === '*') {
      p++;
      star = { p, t };
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[t])) {
      p++;
      t++;
    } else if (star !== null) {
      star.t++;
      p = star.p;
      t = star.t;
    } else return false;
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}
