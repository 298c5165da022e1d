import { PRICE_PER_IMAGE_USD } from '../functions/gateway/model.ts';
import { PAUSE_FILE } from '../functions/spending/pause-file.ts';
import { type Deployment, deploy } from '../local/simulation/deployment.ts';
import { picture } from '../local/simulation/pictures.ts';
import { LARGE_REGIONS, OTHER_REGIONS, type RegionQuotas } from '../local/simulation/quotas.ts';
import { World } from '../local/simulation/world.ts';
import { Meters } from './meters.ts';
import { ASSUMPTIONS, PACE } from './simulate.ts';
import type { Size } from './size.ts';
import { printGoal, printTable } from './table.ts';

const UPLOADS = { small: 50, full: 10_000 };
/** After how long the wallet is filled, in seconds: just after a look, which is the worst case. Nothing else is done. */
const FILLED_AFTER = { small: 910, full: 3_610 };

interface Measured {
  delivered: number;
  failed: number;
  paid: number;
  row: (string | number)[];
}

/** Uploads dropped at once on an empty wallet, which is filled later: what fails, what waits, and when all is over. */
export async function run(size: Size): Promise<void> {
  const uploads = UPLOADS[size];
  const filledAfter = FILLED_AFTER[size];
  const cases: [name: string, deployment: Deployment, quotas: RegionQuotas][] = [
    ['held back (the default)', await deploy(), LARGE_REGIONS],
    ['held back (the default)', await deploy(), OTHER_REGIONS],
    ['held back, uploadsPerMinute=600', await deploy({ uploadsPerMinute: 600 }), LARGE_REGIONS],
    ['pause=false', await deploy({ pause: false }), LARGE_REGIONS],
  ];
  const measured: Measured[] = [];
  for (const [name, deployment, quotas] of cases) {
    console.error(`${uploads} uploads, ${name}, ${quotas.region} …`);
    measured.push(await measure(name, deployment, quotas, { uploads, filledAfter }));
  }
  console.log(
    `\nAssumed in simulated time: ${ASSUMPTIONS}; Lambda takes 45 s to enable or disable an event source mapping.`,
  );
  printTable(
    `${uploads} uploads at once on an empty wallet, which is filled after ${filledAfter} s (simulated)`,
    [
      ...['Uploads are', 'Region', 'First failure after', 'Held back after', 'Last start after', 'Failed', 'Probes'],
      ...['Go on after filling', 'Last cutout after filling', 'Delivered', 'Redriving the failed costs', 'AWS, $'],
    ],
    measured.map(({ row }) => row),
  );
  const [first, second] = measured;
  const paidOnce = measured.every(({ delivered, paid }) => delivered === paid);
  printGoal('nothing is paid for twice', paidOnce ? [] : ['see the table']);
  printGoal(
    'every upload ends delivered, or in an error file that a redrive makes good',
    [first, second].every((each) => each && each.delivered + each.failed === uploads) ? [] : ['see the table'],
  );
}

async function measure(
  name: string,
  deployment: Deployment,
  quotas: RegionQuotas,
  { uploads, filledAfter }: { uploads: number; filledAfter: number },
): Promise<Measured> {
  const outage = { at: 0, seconds: filledAfter, as: { status: 402 } };
  const world = new World(deployment, { pace: PACE, quotas, gateway: { outage } });
  const meters = new Meters(world);
  const seconds = (at: number) => (at - world.clock.startedAt) / 1000;
  const times = { firstFailure: Number.NaN, heldBack: Number.NaN, lastCutout: Number.NaN };
  world.on('history', (_, { type }) => {
    if (type === 'ExecutionFailed' && Number.isNaN(times.firstFailure)) times.firstFailure = world.clock.seconds;
  });
  world.on('result', (key) => {
    if (key === PAUSE_FILE && Number.isNaN(times.heldBack)) times.heldBack = world.clock.seconds;
    if (key.endsWith('.png')) times.lastCutout = world.clock.seconds;
  });
  world.at(0, () => {
    for (let n = 0; n < uploads; n++) world.upload(`${n}.jpg`, picture(`${n}`));
  });
  await world.run();
  const starts = world.executions.map(({ startDate }) => seconds(startDate));
  const before = starts.filter((at) => at < filledAfter);
  const after = starts.filter((at) => at >= filledAfter);
  const failed = world.executions.filter(({ status }) => status === 'FAILED').length;
  const delivered = world.executions.filter(({ output }) => output?.includes('"status":"DELIVERED"')).length;
  const probes = world.executions.reduce((sum, { redriveCount }) => sum + redriveCount, 0);
  const longest = (values: number[]) => values.reduce((most, each) => Math.max(most, each), Number.NEGATIVE_INFINITY);
  const show = (value: number) => (Number.isFinite(value) ? `${value.toFixed(1)} s` : '–');
  return {
    ...{ delivered, failed, paid: world.gateway.jobs.length },
    row: [
      ...[name, quotas.region, show(times.firstFailure), show(times.heldBack), show(longest(before)), failed, probes],
      ...[show(-longest(after.map((at) => -at)) - filledAfter), show(times.lastCutout - filledAfter), delivered],
      ...[`$${(failed * PRICE_PER_IMAGE_USD).toFixed(2)}`, meters.dollars(1).total.toFixed(2)],
    ],
  };
}
