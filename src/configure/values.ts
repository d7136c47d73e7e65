import { parseTimeMs } from '../core/duration.ts';
import { CIBSECRET } from '../pacemaker/cib-secrets.ts';
import { parseBoolean } from '../pacemaker/xml.ts';

/** Whether two values of a CIB mean the same: `60s` and `1min`, `1` and `true`, the same names in another order. */
export function sameValue(a: string, b: string): boolean {
  if (a === b) return true;
  const [timeA, timeB] = [parseTimeMs(a), parseTimeMs(b)];
  if (timeA !== null && timeB !== null) return timeA === timeB;
  const [yesA, yesB] = [parseBoolean(a), parseBoolean(b)];
  return yesA !== null && yesA === yesB;
}

/** The names in a `pcmk_host_list`: Pacemaker separates them by spaces, commas or semicolons (lib/fencing, `stonith__parse_targets`). */
export function hostList(text: string): string[] {
  return text.split(/[\s,;]+/).filter((name) => name !== '');
}

const SECRET_NAME = /(passwd|password|secret|token|community)$/i;

/** A parameter as it may be shown. */
export function shownValue(name: string, value: string): string {
  return SECRET_NAME.test(name) && value !== CIBSECRET ? '***' : value;
}
