import { buildMutant } from './build.ts';
import { MUTANTS } from './mutants.ts';

for (const m of process.argv[2] === 'none' ? [null] : MUTANTS) {
  if (process.argv[2] && m && !m.name.includes(process.argv[2])) continue;
  const t = performance.now();
  try {
    const c = await (await buildMutant(m, '/tmp/w/sim'))(1, m?.within ?? 300);
    console.log(
      m?.name ?? 'none',
      '|',
      c ? `seed ${c.seed} ${c.violation.checker}: ${c.violation.text.slice(0, 110)}` : 'SURVIVED',
      Math.round(performance.now() - t),
    );
  } catch (e) {
    console.log(m?.name, 'ERROR', String(e).slice(0, 300));
  }
}
process.exit(0);
