import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LOCAL_CREDENTIALS } from '../../local/cloud.ts';
import { CAT, until } from '../support.ts';

/** `npm start` and `npm run local` as a person runs them; `npm start` on a picture is run by .ci/run. */
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cutout-test-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('npm start', () => {
  it('on a file that is no image says what its owner would be told, and exits with 1', async () => {
    const file = join(folder, 'fake.jpg');
    writeFileSync(file, 'no picture');
    const { output, exitCode } = await finished(run('start.ts', file));
    expect(output()).toMatch(/✗ .*fake\.jpg .* → NotAnImage: .*Upload a picture/);
    expect(await exitCode).toBe(1);
  });

  it('on a file that is not there says so, and exits with 1', async () => {
    const { output, exitCode } = await finished(run('start.ts', join(folder, 'nowhere.jpg')));
    expect(output()).toMatch(/There is no file .*nowhere\.jpg/);
    expect(await exitCode).toBe(1);
  });
});

describe('npm run local', () => {
  it('serves any S3 client until Ctrl-C, which ends it cleanly', async () => {
    const { child, output, exitCode } = run('serve.ts');
    const [, bucket = '', endpoint = ''] = await until(
      () => /cp photo\.jpg s3:\/\/(\S+) --endpoint-url (\S+)/.exec(output()) ?? undefined,
    );
    const s3 = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: LOCAL_CREDENTIALS });
    const object = { Bucket: bucket, Key: 'photo.jpg' };
    await s3.send(new PutObjectCommand({ ...object, Body: CAT }));
    const stored = await s3.send(new GetObjectCommand(object));
    expect(await stored.Body?.transformToByteArray()).toHaveLength(CAT.length);
    await until(() => output().includes('→ Wait') || undefined);
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

function run(script: string, ...args: string[]): Running {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../local', script), ...args]);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk));
  return {
    child,
    output: () => text,
    exitCode: new Promise((resolve) => child.on('close', resolve)),
  };
}

async function finished(running: Running): Promise<Running> {
  await running.exitCode;
  return running;
}
