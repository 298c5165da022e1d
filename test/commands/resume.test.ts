import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { AwsError } from '../../local/aws-api.ts';
import type { LocalCloud } from '../../local/cloud.ts';
import { CAT, picture } from '../pictures.ts';
import { startCloud, upload } from '../pipeline-rig.ts';
import { runCommand } from './run-command.ts';

/** Commands as a person runs them, while uploads of the deployed stack on this machine are held back. */
let cloud: LocalCloud;
beforeAll(async () => {
  cloud = await startCloud({ settings: { imagesPerDay: 20, pause: true } });
  cloud.gateway.always({ submit: { status: 402 } });
  await upload(cloud, 'poor.jpg', await picture(1));
  await cloud.runSchedules();
  cloud.s3.put(cloud.uploadsBucket, 'waiting.jpg', CAT);
  await cloud.settled();
});
afterEach(() => {
  cloud.onAwsCall = undefined;
  cloud.s3.onRequest = undefined;
});
afterAll(() => cloud?.close());

const run = (command: string, ...args: string[]) => runCommand(cloud, command, ...args);
const cutouts = () => cloud.s3.list(cloud.resultsBucket).filter((key) => key.endsWith('.png'));

describe('while uploads are held back', () => {
  it('npm run failures begins with since when, why, how many wait, and what to do', async () => {
    const { output } = await run('failures');
    expect(output).toMatch(
      /^Paused since \d{4}-\d\d-\d\dT\S+: InsufficientBalance, 1 waiting\. The gateway answered 402: the wallet is empty\. Top up/,
    );
    expect(output).toContain('To let them go on: npm run resume\n');
    expect(output).toContain('poor.jpg');
  });

  it('npm run redrive says what is left of the daily limit', async () => {
    const { output } = await run('redrive', '--error', 'InsufficientBalance');
    expect(output).toMatch(
      /Redriving submits 1 of them, for \$0\.018 at the gateway\.\nThe daily limit is 20 images; 20 are left of it today/,
    );
  });

  it('npm run backfill, in a dry run, says what is left of the daily limit', async () => {
    const { output } = await run('backfill', '--dry-run');
    expect(output).toMatch(/Nothing was submitted\. Add --go to do it\.\nThe daily limit is 20 images; 20 are left/);
  });

  it('npm run resume lets them go on, and says what failed and what redriving it costs', async () => {
    cloud.gateway.always({ submit: 'accept' });
    const { output, exitCode } = await run('resume');
    await cloud.settled();
    expect(output).toMatch(/^Paused since .* InsufficientBalance, 1 waiting\./);
    expect(output).toContain('Uploads go on');
    expect(output).toMatch(/1 failed with .*InsufficientBalance.* Redriving submits 1 of them, for \$0\.018/);
    expect(exitCode).toBe(0);
    expect(cutouts()).toEqual(['waiting.jpg.png']);
  });

  it('npm run resume with --go also redrives what failed', async () => {
    const { output } = await run('resume', '--go');
    await cloud.settled();
    expect(output).toMatch(/^Uploads are not held back\.\n/);
    expect(output).toContain('1 redriven.');
    expect(cutouts()).toEqual(['poor.jpg.png', 'waiting.jpg.png']);
  });

  it('npm run resume also lets go on what an acceptance has freed, and waits while Lambda is busy with it', async () => {
    cloud.gateway.always({ submit: { status: 402 } });
    await upload(cloud, 'poor-again.jpg', await picture(3));
    await cloud.runSchedules();
    cloud.s3.delete(cloud.resultsBucket, 'paused.json');
    cloud.gateway.always({ submit: 'accept' });
    let isBusy = true;
    cloud.onAwsCall = (operation) => {
      if (operation !== 'lambda.UpdateEventSourceMapping' || !isBusy) return undefined;
      isBusy = false;
      return new AwsError('ResourceInUseException', 'The event source mapping is in use.');
    };
    const { output } = await run('resume');
    expect(isBusy).toBe(false);
    expect(output).toMatch(/^Uploads go on, within some three minutes\./);
    cloud.s3.put(cloud.uploadsBucket, 'after.jpg', CAT);
    await cloud.settled();
    expect(cutouts()).toContain('after.jpg.png');
  });

  it('npm run smoke says why no execution begins: the next refusal held its image back, too', async () => {
    cloud.gateway.always({ submit: { status: 402 } });
    await upload(cloud, 'poor-still.jpg', await picture(4));
    await cloud.runSchedules();
    // Another upload is refused before the sample is taken from the queue.
    cloud.s3.onRequest = async ({ operation, key }) => {
      if (operation !== 'PutObject' || !/^smoke-test-[^.]+\.jpg$/.test(key)) return undefined;
      const metadata = { reason: 'InsufficientBalance', since: new Date().toISOString() };
      cloud.s3.put(cloud.resultsBucket, 'paused.json', Buffer.from('{}'), 'application/json', metadata);
      return undefined;
    };
    const { output, exitCode } = await run('smoke', '--timeout', '1s');
    expect(exitCode).toBe(1);
    expect(output).toMatch(
      /✗ No execution began within 1s of the upload\.\n {2}– Paused since \S+: InsufficientBalance/,
    );
    cloud.gateway.always({ submit: 'accept' });
    await run('resume');
    await cloud.settled();
  });

  it('npm run smoke says why, lets them go on, and shows whether the reason is gone', async () => {
    cloud.gateway.always({ submit: { status: 403 } });
    await upload(cloud, 'forbidden.jpg', await picture(2));
    await cloud.runSchedules();
    cloud.gateway.always({ submit: 'accept' });
    const out = mkdtempSync(join(tmpdir(), 'cutout-'));
    const { output, exitCode } = await run('smoke', '--out', out);
    rmSync(out, { recursive: true, force: true });
    expect(output).toMatch(/! Paused since \S+: Forbidden, 0 waiting\. .*\n {2}Uploads go on: this image/);
    expect(exitCode, output).toBe(0);
    expect(cloud.s3.get(cloud.resultsBucket, 'paused.json')).toBeUndefined();
  });
});
