import { existsSync, statSync } from 'node:fs';
import { basename, extname, join, relative } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { CutoutError, isError } from '../functions/errors.ts';
import { whyNoApiKey } from '../functions/gateway/api-key.ts';
import { Gateway } from '../functions/gateway/client.ts';
import { PRICE_PER_IMAGE_USD } from '../functions/gateway/model.ts';
import { REQUEST_ID } from '../functions/gateway/request-id.ts';
import { normalized, whyNoImageUrl } from '../functions/images/url.ts';
import { withoutQuery } from '../functions/runtime/redact.ts';
import { parseDuration } from './shared/duration.ts';
import { advise } from './shared/gateway-advice.ts';
import { awaitJob, type Patience, saveMedium, submit } from './shared/gateway-job.ts';
import { main } from './shared/main.ts';
import { Progress } from './shared/progress.ts';
import { size } from './shared/save.ts';

const GATEWAY = 'https://gateway.pixazo.ai';
const RESULT_HOSTS = '*.r2.dev';
const USAGE = `Removes the background of one image at the gateway, without AWS. The API key comes from PIXAZO_API_KEY.

  npm run remove-background -- https://example.com/cat.jpg
  … --out cat.png             the file, or folder, where the cutout is saved (default: out/<name>.<extension of what it is>)
  … --timeout 30m             how long to wait for the job (default: 10m)
  … --gateway-url URL         of another gateway than ${GATEWAY}
  … --result-hosts HOSTS      where results may be fetched from (default: ${RESULT_HOSTS})

  npm run remove-background -- --request-id ID    goes on with an image that was submitted before, and pays nothing
`;

await main(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      out: { type: 'string' },
      timeout: { type: 'string', default: '10m' },
      'gateway-url': { type: 'string', default: GATEWAY },
      'result-hosts': { type: 'string', default: RESULT_HOSTS },
      'request-id': { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  const { out, timeout, 'request-id': resumed, 'result-hosts': resultHosts } = values;
  const deadline = Date.now() + parseDuration('--timeout', timeout);
  const imageUrl = resumed === undefined ? imageUrlIn(positionals) : undefined;
  if (resumed !== undefined && positionals.length > 0) throw new Error(`Give an image or --request-id.\n\n${USAGE}`);
  if (resumed !== undefined && !REQUEST_ID.test(resumed)) throw new Error('--request-id is no request id.');
  const gatewayUrl = originOf(values['gateway-url']);
  const key = apiKeyFromEnv();
  const gateway = new Gateway({ url: gatewayUrl, apiKey: async () => key });

  const progress = new Progress();
  const show = (status: string) => progress.show(status);
  const patience: Patience = { deadline, show, sleep: (seconds) => setTimeout(seconds * 1000) };
  let requestId = resumed;
  const howToGoOn = () => {
    if (requestId === undefined) return 'If the image was being submitted, it may have been accepted, and charged.';
    const other = gatewayUrl === GATEWAY ? '' : ` --gateway-url ${gatewayUrl}`;
    const hosts = resultHosts === RESULT_HOSTS ? '' : ` --result-hosts '${resultHosts}'`;
    const file = out === undefined ? '' : ` --out '${out}'`;
    const command = `npm run remove-background -- --request-id ${requestId}${other}${hosts}${file}`;
    return `To go on with request ${requestId}, without paying again:\n  ${command}`;
  };
  process.once('SIGINT', () => {
    progress.end();
    console.error(howToGoOn());
    process.exit(130);
  });

  try {
    let submittedAt: number | undefined;
    if (imageUrl !== undefined) {
      console.log(`Submitting ${withoutQuery(imageUrl)} to ${gatewayUrl}, for $${PRICE_PER_IMAGE_USD.toFixed(3)}.`);
      requestId = await submit(gateway, imageUrl, patience);
      submittedAt = Date.now();
      console.log(`Accepted as request ${requestId}.`);
    }
    const mediaUrls = await awaitJob(gateway, requestId ?? '', patience, submittedAt);
    const hosts = resultHosts.split(',').map((host) => host.trim());
    const isFolder = out?.endsWith('/') || statSync(out ?? '', { throwIfNoEntry: false })?.isDirectory();
    const [folder, file] = isFolder || out === undefined ? [out ?? 'out', undefined] : ['', out];
    const base = join(folder, imageUrl === undefined ? (requestId ?? '') : nameIn(imageUrl));
    for (const [index, url] of mediaUrls.entries()) {
      const pathFor = (extension: string) => pathOf(file, base, extension, index + 1);
      const place = index === 0 ? 'first' : 'further';
      const { path, bytes, contentType } = await saveMedium({ url, hosts, place, pathFor }, patience);
      progress.end();
      console.log(`✓ ${relative('.', path)} (${size(bytes)}, ${contentType})`);
    }
  } catch (error) {
    progress.end();
    // A job that failed is over; every other one can still be asked for.
    const isOver = isError(error, 'RemovalFailed') || isError(error, 'RemovalError');
    const advice = error instanceof CutoutError ? advise(error) : error instanceof Error ? error.message : error;
    throw new Error(`✗ ${advice}${requestId === undefined || isOver ? '' : `\n${howToGoOn()}`}`);
  }
});

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
