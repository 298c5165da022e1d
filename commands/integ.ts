import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CASES } from '../test/integ/cases/table.ts';
import { costInWords } from '../test/integ/estimate.ts';
import { proof } from '../test/integ/proof.ts';
import { isGood, markdownOf, type Report, withoutIds } from '../test/integ/report.ts';
import { main } from './shared/main.ts';

const USAGE = `Proves Cutout on AWS: deploys a stack of its own, with a gateway that is simulated in it, runs a table of cases, writes a
report without account and ids, and destroys the stack.

  npm run integ                          what it would cost; does nothing
  npm run integ -- --go                  does it
  npm run integ -- --local               the same cases on the local services
  npm run integ -- --go --keep           leaves the stack, to look at it or to run again
  npm run integ -- --destroy             destroys a stack that was left
  npm run integ -- … --only webhook      cases whose name contains this
  npm run integ -- … --out folder        where integ-report.md and integ-report.json are written (default: out)

Region, credentials and AWS_ENDPOINT_URL come from the environment, as for the AWS CLI; the account must be bootstrapped.
`;

await main(async () => {
  const { values } = parseArgs({
    options: {
      go: { type: 'boolean', default: false },
      local: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      destroy: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      out: { type: 'string', default: 'out' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  if (!values.local && !values.destroy) console.log(costInWords());
  if (!values.local && !values.go && !values.destroy) {
    return console.log('\nNothing was deployed. Add --go to do it, or --local to try the cases on this machine.');
  }
  const cases = CASES.filter(({ name }) => name.toLowerCase().includes(values.only.toLowerCase()));
  if (cases.length === 0) throw new Error(`No case's name contains "${values.only}".`);
  const report = await proof({ ...values, cases: values.destroy ? [] : cases });
  if (!values.destroy) write(values.out, report);
  if (!isGood(report)) process.exitCode = 1;
});

/** Writes the report as a page, and as JSON. */
function write(folder: string, report: Report): void {
  const published = withoutIds(report);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'integ-report.md'), markdownOf(published));
  writeFileSync(join(folder, 'integ-report.json'), `${JSON.stringify(published, undefined, 2)}\n`);
  console.log(`\nThe report: ${join(folder, 'integ-report.md')}`);
}
