import { parseArgs } from 'node:util';
import type { Size } from './size.ts';

/** Loaded when asked for: one reads the AWS SDK whole, another starts servers. */
const BENCHMARKS: Record<string, () => Promise<{ run: (size: Size) => Promise<void> }>> = {
  money: () => import('./money.ts'),
  'cold-start': () => import('./cold-start.ts'),
  delivery: () => import('./delivery.ts'),
  burst: () => import('./burst.ts'),
  'empty-wallet': () => import('./empty-wallet.ts'),
};

const USAGE = `Compares Cutout with the alternatives on the same work.

  npm run bench                              all benchmarks
  npm run bench -- money burst               these: ${Object.keys(BENCHMARKS).join(', ')}
  npm run bench -- --size small              little work, to see that they run; the numbers say nothing
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { help: { type: 'boolean', short: 'h' }, size: { type: 'string', default: 'full' } },
});
const names = positionals.length > 0 ? positionals : Object.keys(BENCHMARKS);
const unknown = names.filter((name) => !Object.hasOwn(BENCHMARKS, name));
const { size } = values;

if (values.help) console.log(USAGE);
else if (unknown.length > 0) fail(`There is no benchmark ${unknown.join(', ')}`);
else if (size !== 'small' && size !== 'full') fail(`The size is small or full, not ${size}`);
else {
  for (const name of names) {
    console.log(`\n## ${name}`);
    await (await BENCHMARKS[name]?.())?.run(size);
  }
}

function fail(reason: string): void {
  console.error(`${reason}\n\n${USAGE}`);
  process.exitCode = 1;
}
