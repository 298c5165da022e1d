import { mkdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { LocalCloud } from './cloud.ts';
import { filesByKey } from './files.ts';
import { main } from './main.ts';
import { type LocalOptions, readOptions } from './options.ts';
import { collect, printOutcomes, whenDelivered } from './outcomes.ts';
import { writeStill } from './page/still.ts';
import { Printer } from './printer.ts';

/** A drawing on a plain background, and a photo. */
const SAMPLES = ['cat.jpg', 'coffee.jpg'].map((name) => join(import.meta.dirname, 'sample', name));
const OUT = 'out';

await main(async () => {
  const options = readOptions('start', process.argv.slice(2));
  if ('usage' in options) console.log(options.usage);
  else process.exitCode = await run(options);
});

/** Uploads the files, waits for their executions to end, and stores what was delivered. @returns the exit code */
async function run({ settings, existingBuckets, files: paths }: LocalOptions): Promise<number> {
  const prefix = String(settings.uploadsPrefix ?? '');
  const files = new Map(
    [...(await filesByKey(paths.length > 0 ? paths : SAMPLES, OUT))].map(([key, file]) => [prefix + key, file]),
  );
  const printer = new Printer({ names: [...files.keys()], showsPlaces: false });
  /** When the gateway's jobs ended, in milliseconds since 1970, by request id. */
  const jobs = new Map<string, number>();
  const cloud = await LocalCloud.start({
    ...{ settings, existingBuckets },
    onHistory: printer.history,
    onWait: printer.wait,
    gateway: { onEvent: (event) => void (event.type === 'ended' && jobs.set(event.requestId, Date.now())) },
  });
  printer.noteOf = (requestId) => cloud.gateway.noteOf(requestId);
  const stop = () => void cloud.close().then(() => process.exit(130));
  process.once('SIGINT', stop);
  try {
    console.log('The stack is up on this machine. A simulator stands in for the gateway: it is not RMBG 2.0,');
    console.log('but a much smaller model.\n');
    for (const [key, file] of files) {
      printer.note(key, `uploaded from ${relative('.', file)}`);
      cloud.s3.put(cloud.uploadsBucket, key, readFileSync(file));
    }
    // An upload is on its way at once.
    await cloud.settled();
    mkdirSync(OUT, { recursive: true });
    const outcomes = [...files].map(([key, file]) => collect(cloud, { key, file, out: OUT }));
    console.log();
    printOutcomes(outcomes);
    console.log(`\nTo look at: ${await writeStill(cloud, OUT, files)}`);
    const delivery = whenDelivered(outcomes, jobs, (time) => printer.secondsAt(time));
    if (delivery !== undefined) console.log(delivery);
    return outcomes.every(({ results }) => results.length > 0) ? 0 : 1;
  } finally {
    process.off('SIGINT', stop);
    await cloud.close();
  }
}
