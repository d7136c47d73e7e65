import { deletePermanentIf } from '../attributes.ts';
import { CIB_SECTIONS, cibSection, cibXml } from '../cib.ts';
import { seenFrom } from '../membership.ts';
import type { World } from '../model.ts';
import { DISCONNECTED, exits, NO_SUCH, readCall, type ToolResult, USAGE } from './answer.ts';

const GRAMMAR = {
  names: {
    ...{
      '-Q': 'query',
      '--query': 'query',
      '-l': 'local',
      '--local': 'local',
      '-o': 'scope',
      '--scope': 'scope',
    },
    ...{ '-D': 'delete', '--delete': 'delete', '-A': 'xpath', '--xpath': 'xpath' },
  },
  values: ['scope', 'xpath'],
};

const CONDITIONAL_DELETE =
  /^\/cib\/configuration\/nodes\/node\[@uname='([^']+)'\]\/instance_attributes\/nvpair\[@name='([^']+)' and contains\(concat\(@value,','\),'([^']+)'\)\]$/;

/** tools/cibadmin.c, as far as the agents use it: the whole, a section, and the deletion of an attribute that has this in its value. */
export function cibadmin(world: World, on: string, args: readonly string[]): ToolResult {
  const call = readCall('cibadmin', args, GRAMMAR);
  if ('exitCode' in call) return call;
  const { options } = call;
  const seen = seenFrom(world, on);
  if (seen === null)
    return exits(
      DISCONNECTED,
      '',
      'Signon to CIB failed: Transport endpoint is not connected\nInit failed, could not perform requested operations\n',
    );
  const xpath = options.get('xpath');
  if (options.has('query') && xpath === undefined) {
    // A scope that is none is the whole (measured); one that is empty here is an error.
    const scope = options.get('scope');
    const section = scope === undefined ? undefined : CIB_SECTIONS.find((each) => each === scope);
    const text = section === undefined ? cibXml(world, seen) : cibSection(world, seen, section);
    return text === ''
      ? exits(NO_SUCH, '', 'Call cib_query failed: No such device or address\n')
      : exits(0, `${text}\n`);
  }
  const [, node, name, value] = CONDITIONAL_DELETE.exec(xpath ?? '') ?? [];
  if (!options.has('delete') || node === undefined || name === undefined || value === undefined)
    return exits(USAGE, '', 'cibadmin: not in the lab\n');
  // Whether there was something to delete or not (measured).
  return deletePermanentIf(world, on, node, name, value, on) ? exits(0) : 'hangs';
}
