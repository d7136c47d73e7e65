import { DEFAULT_TIMING, TIMING_INPUTS, TIMING_RULES, type TimingInput, timingOf } from './timing.ts';

/** The tables of docs/cli-configure.md. */
export function timingTables(): Readonly<Record<string, string>> {
  const inputs = Object.entries(TIMING_INPUTS).map(
    ([name, { key, min, max, says }]) =>
      `| \`${key}\` | ${DEFAULT_TIMING[name as keyof TimingInput]} | ${min} to ${max} | ${says} |`,
  );
  const timing = timingOf(DEFAULT_TIMING);
  const rules = Object.entries(TIMING_RULES).map(
    ([name, { setting, formula }]) => `| ${setting} | ${formula} | ${timing[name as keyof typeof timing]} |`,
  );
  return {
    'timing inputs': ['| key | default | bounds | |', '| --- | --- | --- | --- |', ...inputs].join('\n'),
    'timing rules': ['| setting | formula | with the defaults |', '| --- | --- | --- |', ...rules].join('\n'),
  };
}

/** Puts each table behind its marker, in place of the one that stands there. */
export function withTables(text: string, tables: Readonly<Record<string, string>>): string {
  return Object.entries(tables).reduce((all, [name, table]) => {
    const marker = `<!-- ${name} -->`;
    const at = all.indexOf(marker);
    if (at < 0) throw new Error(`no marker ${marker}`);
    const rest = all.slice(at + marker.length).replace(/^\n*(\|[^\n]*\n)*\n*/, '');
    return `${all.slice(0, at)}${marker}\n\n${table}\n${rest === '' ? '' : `\n${rest}`}`;
  }, text);
}
