import { existsSync, statSync } from 'node:fs';
import { basename, extname, join, relative } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { CutoutError, isError } from '../functions/errors.ts';
import { whyNoApiKey } from '../functions/gateway/api-key.ts';
import { Gateway } from '../functions/gateway/client.ts';
import { PRICE_PER_IMAGE_USD } from '../functions/gateway/model.ts';
import { REQUEST_ID } from '../functions/gateway/request-id.ts';
import type { AnswerListener } from '../functions/images/fetching.ts';
import { normalized, whyNoImageUrl } from '../functions/images/url.ts';
import { withoutQuery } from '../functions/runtime/redact.ts';
import { parseDuration } from './shared/duration.ts';
import { advise } from './shared/gateway-advice.ts';
import { awaitJob, type Patience, saveMedium, submit } from './shared/gateway-job.ts';
import { main } from './shared/main.ts';
import { Progress } from './shared/progress.ts';
import { summaryOf } from './shared/record-summary.ts';
import { Recorder } from './shared/recorder.ts';
import { size } from './shared/save.ts';
import { quoted } from './shared/shell.ts';

const GATEWAY = 'https://gateway.pixazo.ai';
const RESULT_HOSTS = '*.r2.dev';
const TIMEOUT = '10m';
const USAGE = `Removes the background of one image at the gateway, without AWS. The API key comes from PIXAZO_API_KEY.

  npm run remove-background -- https://example.com/cat.jpg
  … --out cat.png             the file, or folder, where the cutout is saved (default: out/<name>.<extension of what it is>)
  … --name cat.jpg            the name in that default (default: the image's, or the request id)
  … --timeout 30m             how long to wait for the job (default: ${TIMEOUT})
  … --record folder           keeps each answer of the gateway there, with its headers and times
  … --gateway-url URL         of another gateway than ${GATEWAY}
  … --result-hosts HOSTS      where results may be fetched from (default: ${RESULT_HOSTS})

  npm run remove-background -- --request-id ID    goes on with an image that was submitted before, and pays nothing

A record holds requests and answers, the address of the image less its query, and the addresses of results: whoever has
one can fetch the cutout for as long as the gateway keeps it. The API key, cookies and signatures are left out.
`;

const OPTIONS = {
  out: { type: 'string' },
  name: { type: 'string' },
  timeout: { type: 'string', default: TIMEOUT },
  record: { type: 'string' },
  'gateway-url': { type: 'string', default: GATEWAY },
  'result-hosts': { type: 'string', default: RESULT_HOSTS },
  'request-id': { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>>['values'];

await main(async () => {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: OPTIONS });
  if (values.help) return console.log(USAGE);
  const { 'request-id': resumed } = values;
  const deadline = Date.now() + parseDuration('--timeout', values.timeout);
  const imageUrl = resumed === undefined ? imageUrlIn(positionals) : undefined;
  if (resumed !== undefined && positionals.length > 0) throw new Error(`Give an image or --request-id.\n\n${USAGE}`);
  if (resumed !== undefined && !REQUEST_ID.test(resumed)) throw new Error('--request-id is no request id.');
  const url = originOf(values['gateway-url']);
  const key = apiKeyFromEnv();
  const recorder = values.record === undefined ? undefined : new Recorder(values.record, [key], imageUrl);
  const gateway = new Gateway({ url, apiKey: async () => key, ...(recorder && { fetch: recorder.fetch }) });

  const progress = new Progress();
  const show = (status: string) => progress.show(status);
  const patience: Patience = { deadline, show, sleep: (seconds) => setTimeout(seconds * 1000) };
  const name = values.name ?? (imageUrl === undefined ? resumed : nameIn(imageUrl)) ?? '';
  let requestId = resumed;
  const whatToDo = () => [whatWasRecorded(values.record, recorder), howToGoOn(values, name, requestId)].join('');
  process.once('SIGINT', () => {
    progress.end();
    console.error(whatToDo());
    process.exit(130);
  });

  try {
    let submittedAt: number | undefined;
    if (imageUrl !== undefined) {
      console.log(`Submitting ${withoutQuery(imageUrl)} to ${url}, for $${PRICE_PER_IMAGE_USD.toFixed(3)}.`);
      requestId = await submit(gateway, imageUrl, patience);
      submittedAt = Date.now();
      console.log(`Accepted as request ${requestId}.`);
    }
    const mediaUrls = await awaitJob(gateway, requestId ?? '', patience, submittedAt);
    await saveAll(mediaUrls, { values, name, patience, progress, onAnswer: recorder?.onAnswer });
    if (recorder) {
      const lines = summaryOf(recorder.exchanges).map((line) => `\n  ${line}`);
      console.log(
        `${whatWasRecorded(values.record, recorder)}They say of what the documentation leaves open:${lines.join('')}`,
      );
    }
  } catch (error) {
    progress.end();
    // A job that failed is over; every other one can still be asked for.
    const isOver = isError(error, 'RemovalFailed') || isError(error, 'RemovalError');
    const advice = error instanceof CutoutError ? advise(error) : error instanceof Error ? error.message : error;
    const next = requestId === undefined || isOver ? whatWasRecorded(values.record, recorder) : whatToDo();
    throw new Error(`✗ ${advice}\n${next}`.trimEnd());
  }
});

interface Saving {
  values: Values;
  /** Of the result, less its extension, where no file is named. */
  name: string;
  patience: Patience;
  progress: Progress;
  onAnswer: AnswerListener | undefined;
}

/** Saves the results of a job, and says where. */
async function saveAll(mediaUrls: string[], { values, name, patience, progress, onAnswer }: Saving): Promise<void> {
  const { out } = values;
  const hosts = values['result-hosts'].split(',').map((host) => host.trim());
  const isFolder = out?.endsWith('/') || statSync(out ?? '', { throwIfNoEntry: false })?.isDirectory();
  const [folder, file] = isFolder || out === undefined ? [out ?? 'out', undefined] : ['', out];
  for (const [index, url] of mediaUrls.entries()) {
    const pathFor = (extension: string) => pathOf(file, join(folder, name), extension, index + 1);
    const place = index === 0 ? 'first' : 'further';
    const { path, bytes, contentType } = await saveMedium({ url, hosts, place, pathFor, onAnswer }, patience);
    progress.end();
    console.log(`✓ ${relative('.', path)} (${size(bytes)}, ${contentType})`);
  }
}

/** The command that goes on with a request, with every option that it needs to do what this one would have done. */
function howToGoOn(values: Values, name: string, requestId: string | undefined): string {
  if (requestId === undefined) return 'If the image was being submitted, it may have been accepted, and charged.';
  const given = [
    ['request-id', requestId],
    ['gateway-url', values['gateway-url'] === GATEWAY ? undefined : values['gateway-url']],
    ['result-hosts', values['result-hosts'] === RESULT_HOSTS ? undefined : values['result-hosts']],
    ['out', values.out],
    ['name', name === requestId ? undefined : name],
    ['timeout', values.timeout === TIMEOUT ? undefined : values.timeout],
    ['record', values.record],
  ].flatMap(([option, value]) => (value === undefined ? [] : `--${option} ${quoted(value)}`));
  const command = `npm run remove-background -- ${given.join(' ')}`;
  return `To go on with request ${requestId}, without paying again, with PIXAZO_API_KEY as before:\n  ${command}`;
}

function whatWasRecorded(folder: string | undefined, recorder: Recorder | undefined): string {
  if (folder === undefined || recorder === undefined) return '';
  const { length } = recorder.exchanges;
  return `Recorded in ${folder}: ${length} ${length === 1 ? 'answer' : 'answers'}, without the API key, cookies and signatures.\n`;
}

function imageUrlIn([image, ...others]: string[]): string {
  if (image === undefined || others.length > 0) throw new Error(`Give the URL of one image.\n\n${USAGE}`);
  if (/^https?:$/.test(URL.parse(image)?.protocol ?? '')) {
    const problem = whyNoImageUrl(image);
    if (problem) throw new Error(`The image URL ${problem}.`);
    return normalized(image);
  }
  if (!existsSync(image) && !image.startsWith('file:')) throw new Error(`"${image}" is no https URL.`);
  throw new Error(
    `${image} is a file here, but the gateway fetches the image from a URL by itself. Put it where everybody can GET it, for ` +
      'instance into a bucket with "aws s3 presign"; or send it through a deployed stack: npm run smoke -- FILE.',
  );
}

function originOf(url: string): string {
  const { protocol, hostname, origin } = URL.parse(url) ?? {};
  // The API key goes there, and over plain http everybody on the way could read it.
  if (origin !== undefined && (protocol === 'https:' || (protocol === 'http:' && hostname === '127.0.0.1')))
    return origin;
  throw new Error(`--gateway-url must be an https origin such as ${GATEWAY}, not "${url}".`);
}

/** The API key; it is quoted nowhere, not even if it cannot be one. */
function apiKeyFromEnv(): string {
  const key = process.env.PIXAZO_API_KEY?.trim() ?? '';
  if (key === '') throw new Error('PIXAZO_API_KEY is not set. Set it to the API key of the gateway.');
  const problem = whyNoApiKey(key);
  if (problem) throw new Error(`PIXAZO_API_KEY ${problem}.`);
  return key;
}

/** The name of the image in its URL, fit for a file. */
function nameIn(url: string): string {
  const name = basename(new URL(url).pathname).replace(/%[0-9a-f]{2}/gi, '-');
  return name.replace(/[^\w.-]+/g, '-').slice(0, 100) || 'image';
}

/** Where the `n`th result (from 1) is saved: the first exactly where it was asked for. */
function pathOf(file: string | undefined, base: string, extension: string, n: number): string {
  if (n === 1) return file ?? `${base}.${extension}`;
  const stem = file === undefined ? base : file.slice(0, file.length - extname(file).length);
  return `${stem}-${n}.${extension}`;
}
