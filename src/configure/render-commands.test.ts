import { describe, expect, it } from 'vitest';
import { itemsOf } from './model.ts';
import { crmCommands, pcsCommands } from './render-commands.ts';
import { testInput } from './testing.ts';

describe('the commands to type', () => {
  for (const shape of ['managed', 'minimal', 'unfence'] as const) {
    it(`of the shape ${shape}`, async () => {
      const items = itemsOf(await testInput(shape));
      await expect(`${pcsCommands(items).join('\n')}\n`).toMatchFileSnapshot(`golden/${shape}.pcs`);
      await expect(`${crmCommands(items).join('\n')}\n`).toMatchFileSnapshot(`golden/${shape}.crm`);
    });
  }
});
