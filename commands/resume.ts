import { parseArgs } from 'node:util';
import { errorsWhere } from '../functions/errors.ts';
import { COMMON_OPTIONS, findDeployment, parseSince } from './shared/deployment.ts';
import { main } from './shared/main.ts';
import { pauseInWords, pauseOf, resumeUploads } from './shared/pause.ts';
import { listFailed, redriveAll, sayPrice } from './shared/redriving.ts';

const USAGE = `Lets uploads go on that are held back, and redrives what failed for a reason of the account.

  npm run resume                    lets them go on; says how many had failed, and what redriving them costs
  npm run resume -- --go            … and redrives them
  npm run resume -- --since 3d      those of the last 3 days (or since 2026-11-22T08:00Z; default: 24h, or since the pause)
  npm run resume -- --stack Name    of another stack than Cutout
`;

await main(async () => {
  const options = { ...COMMON_OPTIONS, since: { type: 'string' }, go: { type: 'boolean', default: false } } as const;
  const { values } = parseArgs({ options });
  if (values.help) return console.log(USAGE);
  const deployment = await findDeployment(values.stack);
  const pause = await pauseOf(deployment);
  if (pause) console.log(await pauseInWords(deployment, pause));
  const wereHeldBack = await resumeUploads(deployment);
  if (!wereHeldBack) console.log('Uploads are not held back.');
  else console.log('Uploads go on, within some three minutes. The next refusal holds them back again.');

  const since = values.since === undefined && pause ? pause.since : parseSince(values.since ?? '24h');
  const errors = errorsWhere(({ pauses }) => pauses !== undefined);
  const found = await listFailed(deployment, errors, since);
  await sayPrice(deployment, found, errors, since);
  if (found.length === 0) return;
  if (values.go) return redriveAll(deployment, found);
  console.log('Nothing was redriven. Add --go to do it.');
});
