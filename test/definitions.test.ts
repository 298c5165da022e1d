import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { machinesOf } from '../local/cloud/machines.ts';
import type { LocalCloud } from '../local/cloud.ts';
import type { Machines } from '../local/step-functions.ts';
import { synthesize } from '../local/template.ts';
import { messageOf } from './executions.ts';
import { CAT, picture } from './pictures.ts';
import { execute, redrive, startCloud, upload } from './pipeline-rig.ts';
import { until } from './until.ts';

/**
 * Executions outlive deployments: those that began under an older version keep its definition, and meet the functions of
 * the day. So the definitions of every version are kept here, and each must still end well.
 */
const FOLDER = join(import.meta.dirname, 'definitions');
const { version } = JSON.parse(readFileSync(join(FOLDER, '../../package.json'), 'utf8'));
const MODES = { polling: {}, webhook: { webhook: true } };
type Mode = keyof typeof MODES;

function fileOf(release: string, mode: string): string {
  return join(FOLDER, release, `${mode}.json`);
}

function read(release: string, mode: string): Machines {
  return JSON.parse(readFileSync(fileOf(release, mode), 'utf8'));
}

if (process.env.UPDATE_DEFINITIONS) {
  mkdirSync(join(FOLDER, version), { recursive: true });
  for (const [mode, settings] of Object.entries(MODES)) {
    writeFileSync(fileOf(version, mode), `${JSON.stringify(machinesOf(synthesize(settings)), null, 1)}\n`);
  }
}

describe('the definitions', () => {
  it.each(Object.entries(MODES))(
    'of this version are kept, in %s mode (UPDATE_DEFINITIONS=1 writes them)',
    (mode, settings) => {
      expect(existsSync(fileOf(version, mode))).toBe(true);
      expect(machinesOf(synthesize(settings))).toEqual(read(version, mode));
    },
  );
});

let cloud: LocalCloud;
afterEach(() => cloud?.close());

const RELEASES = readdirSync(FOLDER).flatMap((release) =>
  (Object.keys(MODES) as Mode[]).map((mode) => ({ release, mode })),
);

describe.each(RELEASES)('an execution that began under $release in $mode mode', ({ release, mode }) => {
  it('ends well with the functions of the day: delivered, submitted again, superseded, failed, redriven', async () => {
    cloud = await startCloud({ settings: MODES[mode], callbackTimeoutMs: 500 });
    cloud.stepFunctions.deploy(read(release, mode));
    const statusOf = (output = '{}') => JSON.parse(output).status;

    expect(statusOf((await upload(cloud, 'plain.jpg')).output)).toBe('DELIVERED');
    expect(statusOf((await upload(cloud, 'plain.jpg')).output), 'the same bytes').toBe('DELIVERED');

    cloud.gateway.nextOutcomes('ERROR');
    const again = await upload(cloud, 'again.jpg', await picture(10));
    expect(statusOf(again.output)).toBe('DELIVERED');

    const [older] = [cloud.s3.put(cloud.uploadsBucket, 'twice.jpg', CAT)];
    await upload(cloud, 'twice.jpg', await picture(20));
    const input = { bucket: cloud.uploadsBucket, key: 'twice.jpg', versionId: older.versionId };
    expect(statusOf((await execute(cloud, 'late', input)).output)).toBe('SUPERSEDED');

    cloud.gateway.nextSubmits({ status: 402 });
    const unpaid = await upload(cloud, 'unpaid.jpg', await picture(30));
    expect(unpaid.error).toBe('InsufficientBalance');
    expect((await redrive(cloud, unpaid)).status, messageOf(unpaid)).toBe('SUCCEEDED');

    cloud.gateway.always({ download: 'html' });
    const undelivered = await upload(cloud, 'undelivered.jpg', await picture(40));
    expect(undelivered.error).toBe('InvalidResult');
    cloud.gateway.always({ download: 'normal' });
    expect((await redrive(cloud, undelivered)).status, messageOf(undelivered)).toBe('SUCCEEDED');

    cloud.s3.delete(cloud.resultsBucket, 'plain.jpg.png');
    const backfill = cloud.stepFunctions.startOf(cloud.template.output('BackfillStateMachineArn'), 'night', '{}');
    await until(() => backfill.status !== 'RUNNING');
    await cloud.settled();
    expect(JSON.parse(backfill.output ?? '{}')).toMatchObject({ status: 'COMPLETED', delivered: 1 });
  });
});
