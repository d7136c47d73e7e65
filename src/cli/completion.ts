import type { CommandSpec } from './command.ts';
import { optionsOf, PROGRAM } from './program.ts';

/** A completion for bash, from the same tables as the parser. Nodes are asked for from the cluster's own tool. */
export function bashCompletion(specs: readonly CommandSpec[]): string {
  const words = (paths: readonly string[]): string => [...new Set(paths)].join(' ');
  const groups = [...new Set(specs.filter(({ path }) => path.length > 1).map(({ path }) => path[0]))];
  const cases = specs.map((spec) => {
    const options = optionsOf(spec);
    const values = options
      .filter(({ value }) => value !== undefined)
      .map((option) => {
        const names = [`--${option.name}`, ...(option.short === undefined ? [] : [`-${option.short}`])].join(
          '|',
        );
        return `        ${names}) ${offer(option.choices, option.offers)}; return ;;`;
      });
    const flags = options.map(({ name }) => `--${name}`).join(' ');
    return [
      `    '${spec.path.join(' ')}')`,
      ...(values.length === 0 ? [] : ['      case $previous in', ...values, '      esac']),
      `      if [[ $current == -* ]]; then COMPREPLY=($(compgen -W '${flags} --help' -- "$current")); return; fi`,
      `      ${offer(undefined, spec.arguments?.[0]?.offers)} ;;`,
    ].join('\n');
  });
  return `# bash completion of ${PROGRAM}; generated from its command tables
_instance_ha_nodes() { crm_node -l 2>/dev/null | awk '{print $2}'; cibadmin -Q -l -o nodes 2>/dev/null | sed -n 's/.*uname="\\([^"]*\\)".*type="remote".*/\\1/p'; }
_instance_ha() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} called=\${COMP_WORDS[1]-}
  COMPREPLY=()
  if [[ $COMP_CWORD -eq 1 ]]; then
    COMPREPLY=($(compgen -W '${words(specs.map(({ path }) => path[0]))} --help --version' -- "$current"))
    return
  fi
  case $called in
${groups
  .map((group) => {
    const inner = words(
      specs.filter(({ path }) => path[0] === group && path.length > 1).map(({ path }) => path[1] ?? ''),
    );
    return `    ${group})\n      if [[ $COMP_CWORD -eq 2 ]]; then COMPREPLY=($(compgen -W '${inner}' -- "$current")); return; fi\n      called="$called \${COMP_WORDS[2]}" ;;`;
  })
  .join('\n')}
  esac
  case $called in
${cases.join('\n')}
  esac
}
complete -F _instance_ha ${PROGRAM}
`;
}

function offer(choices: readonly string[] | undefined, offers: 'node' | 'file' | undefined): string {
  if (choices !== undefined) return `COMPREPLY=($(compgen -W '${choices.join(' ')}' -- "$current"))`;
  if (offers === 'node') return 'COMPREPLY=($(compgen -W "$(_instance_ha_nodes)" -- "$current"))';
  if (offers === 'file') return 'COMPREPLY=($(compgen -f -- "$current"))';
  return 'COMPREPLY=()';
}
