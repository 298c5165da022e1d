import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CloudOptions, LocalCloud } from '../../local/cloud.ts';
import { Printer, type PrinterOptions } from '../../local/printer.ts';
import { closedPort } from '../closed-port.ts';
import { picture } from '../pictures.ts';
import { execute, startCloud, upload } from '../pipeline-rig.ts';
import { until } from '../until.ts';

let polling: LocalCloud;
let webhook: LocalCloud;
let lines: string[] = [];
let printer = new Printer();

/** A stack whose executions are printed. */
function start(options: CloudOptions): Promise<LocalCloud> {
  return startCloud({
    ...options,
    gateway: { durationMs: 0 },
    onHistory: (execution, event) => printer.history(execution, event),
    onWait: (execution, wait) => printer.wait(execution, wait),
    onStored: ({ bucket, key }) => {
      if (bucket === 'results') printer.stored(bucket, key);
    },
  });
}

beforeAll(async () => {
  [polling, webhook] = await Promise.all([start({}), start({ settings: { webhook: true }, callbackTimeoutMs: 50 })]);
});
afterAll(async () => {
  await polling?.close();
  await webhook?.close();
});

/** Prints anew, less the times. */
function print(options: PrinterOptions = {}): void {
  lines = [];
  printer = new Printer({ ...options, write: (line) => lines.push(line.replace(/^ *\d+\.\d\d s {2}/, '')) });
}
beforeEach(() => print());

describe('the lines of a local run', () => {
  it('say of each image what happens, how long it waits, and where its result lies', async () => {
    await upload(polling, 'cat.jpg', await picture(1));
    expect(lines).toEqual([
      'cat.jpg           started',
      'cat.jpg           → Submit',
      'cat.jpg           → Wait          0.02 s (shortened from 5 s)',
      'cat.jpg           → Check status',
      'cat.jpg           → Finished?',
      'cat.jpg           → Deliver',
      expect.stringMatching(/^cat\.jpg {11}✓ s3:\/\/results\/cat\.jpg\.png \(0\.\d kB, image\/png\)$/),
    ]);
  });

  it('say why an image failed, what to do, and where that is written', async () => {
    await upload(polling, 'fake.jpg', 'no picture');
    expect(lines.slice(2)).toEqual([
      'fake.jpg          ✗ NotAnImage: s3://uploads/fake.jpg is not an image by its first bytes.',
      'fake.jpg          ✗ failed. Upload a picture; its bytes count, not its name.',
      'fake.jpg          error file s3://results/fake.jpg.error.json',
    ]);
  });

  it('say what went wrong before the next attempt, and how long that is away', async () => {
    const imageUrl = `http://127.0.0.1:${await closedPort()}/cat.jpg`;
    const { arn } = polling.stepFunctions.start('a', JSON.stringify({ imageUrl, resultKey: 'new/cat.jpg' }));
    await until(() => lines.some((line) => line.includes('tries again')) || undefined);
    polling.stepFunctions.stop(arn);
    await polling.settled();
    expect(lines[2]).toBe(`new/cat.jpg       ✗ DownloadFailed: ${imageUrl} could not be fetched.`);
    expect(lines[3]).toMatch(/^new\/cat\.jpg {9}tries again in 0(\.01)? s \(shortened from .* s\)$/);
    expect(lines.slice(-2)).toEqual([
      'new/cat.jpg       ✗ aborted. The execution was stopped. Redriving continues the execution.',
      'new/cat.jpg       error file s3://results/new/cat.jpg.error.json',
    ]);
  });

  it('say why an image waits whose result stands already', async () => {
    for (let time = 0; time < 2; time++) await upload(polling, 'twice.jpg', await picture(2));
    const why = ', as a result of the same bytes stands: looks again then';
    expect(lines.filter((line) => line.endsWith(why))).toEqual([
      `twice.jpg         → Wait          0.02 s (shortened from 1 s)${why}`,
      // From the upload on, which may have been a second ago.
      expect.stringMatching(/^twice\.jpg {9}→ Wait {10}0\.02 s \(shortened from (10 min|9 min 5\d s)\), as a result/),
    ]);
  });

  it('say of a callback that it is waited for, and that it does not come', async () => {
    webhook.gateway.always({ webhook: 'lose' });
    await upload(webhook, 'cat.jpg', await picture(1));
    expect(lines.slice(2, 6)).toEqual([
      'cat.jpg           → Await callback',
      'cat.jpg             waits for the gateway to call back, 0.05 s (shortened from 5 min) at most',
      'cat.jpg             no callback in time: polls from now on',
      'cat.jpg           → Check status',
    ]);
  });

  it('name no bucket where none outlives the command, and have room for the names that are to come', async () => {
    print({ names: ['a-name-of-24-characters.x'], showsPlaces: false });
    await upload(polling, 'fake.jpg', 'no picture');
    expect(lines[2]).toBe('fake.jpg                   ✗ NotAnImage: fake.jpg is not an image by its first bytes.');
  });

  it('show the end of a long key, and the beginning of a name of an execution that is about no image', async () => {
    await execute(polling, 'an-execution-of-a-long-name', { anything: 'else' });
    await upload(polling, 'a/long/way/down/to/the/picture-of-a-cat.jpg', 'no picture');
    expect(lines[0]).toBe('an-execution-of…  started');
    expect(lines.at(-1)).toMatch(/^…own\/to\/the\/picture-of-a-cat\.jpg {2}error file s3/);
  });
});
