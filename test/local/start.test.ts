import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, it, type TestContext } from 'vitest';
import { LOCAL_CREDENTIALS } from '../../local/cloud.ts';
import { CAT, picture, scenery } from '../pictures.ts';
import { until } from '../until.ts';

/** `npm start` and `npm run local` as a person runs them, in folders of their own: all at once, as they mostly wait. */
describe.concurrent('npm start', { timeout: 120_000 }, () => {
  it('on a setting that cannot be used says so without a stack, and exits with 1', async (context) => {
    const { run } = place(context);
    const { output, exitCode } = await finished(run('start.ts', '-c', 'uploadsBucket=own', '-c', 'resultsBucket=own'));
    expect(output()).toMatch(/^Uploads and results overlap: .*\n--help says what can be given\.\n$/);
    expect(await exitCode).toBe(1);
  });

  it('without files stores the cutout of each sample in out/, says when, and exits with 0', async (context) => {
    const { folder, run } = place(context);
    const { output, exitCode } = await finished(run('start.ts', '--webhook', '-c', 'uploadsPrefix=in/'));
    expect(output().match(/^✓ .* → out\/(cat|coffee)\.jpg\.png /gm)).toHaveLength(2);
    expect(output()).not.toContain('no subject');
    expect(output()).toMatch(
      /jobs ended at \d+\.\d\d s; cutouts came \d+\.\d to \d+\.\d s after their jobs had ended\.\n$/,
    );
    // The buckets are gone by then.
    expect(output()).not.toContain('s3://');
    expect(readdirSync(join(folder, 'out')).sort()).toEqual(['cat.jpg.png', 'coffee.jpg.png', 'index.html']);
    expect(await exitCode).toBe(0);
  });

  it('on bad files, one without a subject and a folder of good ones says of each of the 26 what came of it, and exits with 1', async (context) => {
    const { folder, run } = place(context);
    const bad = Array.from({ length: 9 }, (_, index) => join(folder, `bad${index}.jpg`));
    for (const file of bad) writeFileSync(file, 'no picture');
    const whole = join(folder, 'whole.png');
    writeFileSync(whole, await scenery());
    const good = join(folder, 'good');
    mkdirSync(good);
    for (let index = 0; index < 16; index++) writeFileSync(join(good, `${index}.png`), await picture(index));
    // Bad ones first: the good ones wait meanwhile for what these use.
    const { output, exitCode } = await finished(run('start.ts', ...bad, whole, good));
    expect(output().match(/^✗ .*bad\d\.jpg .* → NotAnImage: .*Upload a picture/gm)).toHaveLength(9);
    expect(output().match(/^✓ .*good\/\d+\.png .* → out\/\d+\.png\.png /gm)).toHaveLength(16);
    expect(output()).toMatch(/ whole\.png +the stand-in .* found no subject/);
    expect(output()).not.toContain('Warning');
    expect(await exitCode).toBe(1);
  });
});

describe.concurrent('npm run local', { timeout: 120_000 }, () => {
  it('serves any S3 client until Ctrl-C, which ends it cleanly', async (context) => {
    const { run } = place(context);
    const { child, output, exitCode } = run('serve.ts');
    await until(() => output().includes('Ctrl-C ends it all.') || undefined);
    const [, endpoint = '', bucket = ''] = /--endpoint-url (\S+) s3 cp \S+ s3:\/\/(\w+)\//.exec(output()) ?? [];
    const s3 = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: LOCAL_CREDENTIALS });
    const object = { Bucket: bucket, Key: 'photo.jpg' };
    await s3.send(new PutObjectCommand({ ...object, Body: CAT }));
    const stored = await s3.send(new GetObjectCommand(object));
    expect(await stored.Body?.transformToByteArray()).toHaveLength(CAT.length);
    await until(() => output().includes('→ Wait          5 s') || undefined);
    child.kill('SIGINT');
    expect(await exitCode).toBe(0);
    s3.destroy();
  });
});

interface Running {
  child: ChildProcess;
  output: () => string;
  exitCode: Promise<number | null>;
}

/** A folder of a test's own, and what runs in it. Both end with the test. */
function place({ onTestFinished }: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'cutout-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));

  const run = (script: string, ...args: string[]): Running => {
    const child = spawn(process.execPath, [join(import.meta.dirname, '../../local', script), ...args], { cwd: folder });
    onTestFinished(() => void child.kill());
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk));
    return { child, output: () => text, exitCode: new Promise((resolve) => child.on('close', resolve)) };
  };
  return { folder, run };
}

async function finished(running: Running): Promise<Running> {
  await running.exitCode;
  return running;
}
