import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { BUNDLES } from '../infra/parts/paths.ts';
import { LOCAL_CREDENTIALS } from '../local/cloud.ts';
import { REGION } from '../local/template.ts';
import type { Order, Started, Uploaded } from './delivery/services.ts';
import type { Size } from './size.ts';
import { median } from './statistics.ts';
import { printGoal, printTable } from './table.ts';

const MB = 1e6;
const SIZES = { small: [1], full: [1, 10, 100, 500] };
const RUNS = { small: 1, full: 5 };
/** Before a Node process is measured it has delivered as much, or this much, a few times, as a warm function has. */
const WARM_UPS = 3;
const WARM_UP_BYTES = 20 * MB;
/** How much of the throughput of the faster alternative is to be reached, and how much memory may grow with size. */
const THROUGHPUT = 0.8;
const GROWTH = 1.25;

interface Run {
  seconds: number;
  /** Undefined where the operating system does not tell. */
  peakBytes: number | undefined;
}
interface Way {
  name: string;
  copy: (services: Services, key: string, bytes: number) => Promise<Run>;
}

/** Copies results of several sizes from the CDN simulator to embedded S3, which have a process of their own. */
export async function run(size: Size): Promise<void> {
  const services = await Services.start();
  try {
    const ways: Way[] = [
      { name: 'Cutout', copy: (...given) => byHandler(join(BUNDLES, 'deliver/deliver.mjs'), ...given) },
      {
        name: 'buffering',
        copy: (...given) => byHandler(join(import.meta.dirname, 'delivery/buffering.ts'), ...given),
      },
    ];
    if (spawnSync('curl', ['--version']).status === 0) ways.push({ name: 'curl to PUT', copy: byCurl });
    else console.log('\nThere is no curl on this machine: left out.');
    const table: { megabytes: number; runs: Run[][] }[] = [];
    for (const megabytes of SIZES[size]) {
      const runs: Run[][] = ways.map(() => []);
      // In turns, so that what else the machine does falls on all alike.
      for (let n = 0; n < RUNS[size]; n++) {
        for (const [index, way] of ways.entries()) {
          const key = `${way.name.replaceAll(' ', '-')}-${megabytes}-${n}.tif`;
          runs[index]?.push(await way.copy(services, key, megabytes * MB));
        }
      }
      table.push({ megabytes, runs });
    }
    print(ways, table, RUNS[size]);
  } finally {
    services.stop();
  }
}

function print(ways: Way[], table: { megabytes: number; runs: Run[][] }[], count: number): void {
  const speed = (megabytes: number, runs: Run[] = []) => megabytes / median(runs.map(({ seconds }) => seconds));
  const peak = (runs: Run[] = []) => median(runs.map(({ peakBytes = Number.NaN }) => peakBytes / MB));
  printTable(
    `Delivery of one result, median of ${count} runs (measured on this machine)`,
    ['Size', ...ways.flatMap(({ name }) => [`${name}: MB/s`, 'peak MB'])],
    table.map(({ megabytes, runs }) => [
      `${megabytes} MB`,
      ...runs.flatMap((each) => [speed(megabytes, each).toFixed(0), peak(each).toFixed(0)]),
    ]),
  );
  const [first, last] = [table.find(({ megabytes }) => megabytes >= 100), table.at(-1)];
  const growth = peak(last?.runs[0]) / peak(first?.runs[0]);
  if (first && last && first !== last) {
    printGoal(
      `peak memory is flat from ${first.megabytes} to ${last.megabytes} MB (at most ${GROWTH} times)`,
      growth <= GROWTH ? [] : [`${growth.toFixed(2)} times`],
    );
  }
  printGoal(
    `throughput is at least ${THROUGHPUT} of the faster of the others`,
    table.flatMap(({ megabytes, runs: [ours, ...others] }) => {
      const share = speed(megabytes, ours) / Math.max(...others.map((each) => speed(megabytes, each)));
      return share >= THROUGHPUT ? [] : [`${share.toFixed(2)} at ${megabytes} MB`];
    }),
  );
}

/** The process with the CDN and S3. */
class Services {
  readonly started: Started;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, started: Started) {
    this.#child = child;
    this.started = started;
  }

  static async start(): Promise<Services> {
    const child = fork(join(import.meta.dirname, 'delivery/services.ts'));
    const [started] = await once(child, 'message');
    return new Services(child, started);
  }

  get environment(): Record<string, string> {
    const { s3Url, cdnUrl } = this.started;
    return {
      ...{ UPLOADS_BUCKET: 'uploads', UPLOADS_PREFIX: '', RESULTS_BUCKET: 'results', RESULTS_PREFIX: '' },
      // Nothing is asked of the gateway as long as the CDN delivers.
      ...{ GATEWAY_URL: 'https://127.0.0.1:1', RESULT_HOSTS: cdnUrl, AWS_REGION: REGION, AWS_ENDPOINT_URL_S3: s3Url },
      ...{ POWERTOOLS_METRICS_NAMESPACE: 'Cutout', POWERTOOLS_SERVICE_NAME: 'Cutout' },
      AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
    };
  }

  /** Makes an upload whose result will have so many bytes. */
  async upload(key: string, bytes: number): Promise<Uploaded> {
    return this.#ask<Uploaded>({ upload: key, nextBytes: bytes });
  }

  /** @throws Error unless the result has arrived whole */
  async expect(key: string, bytes: number): Promise<void> {
    const { length } = await this.#ask<{ length?: number }>({ lengthOf: key });
    if (length !== bytes) throw new Error(`${key} has ${length} of ${bytes} bytes`);
  }

  stop(): void {
    this.#child.disconnect();
  }

  async #ask<T>(order: Order): Promise<T> {
    this.#child.send(order);
    const [answer] = await once(this.#child, 'message');
    return answer;
  }
}

/** A handler in a Node process of its own. */
async function byHandler(file: string, services: Services, key: string, bytes: number): Promise<Run> {
  const { cdnUrl } = services.started;
  const event = (name: string, source: Uploaded) => ({
    execution: name,
    source,
    // For the handler that does not derive it.
    key: `${name}.png`,
    submission: 1,
    submissionId: `${name}#1`,
    requestId: 'bria-1',
    submittedAt: new Date().toISOString(),
    status: 'COMPLETED',
    waitSeconds: 5,
    mediaUrls: [`${cdnUrl}/v1/bria-1/output.png`],
  });
  const script = `
    const { handler } = await import(${JSON.stringify(file)});
    process.on('message', async (event) => {
      const before = performance.now();
      await handler(event, {});
      process.send({ seconds: (performance.now() - before) / 1000, peakBytes: process.resourceUsage().maxRSS * 1024 });
    });
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: services.environment,
  });
  const closed = once(child, 'close').then(([code]) => {
    throw new Error(`${file} ended with ${code}, and without a result`);
  });
  closed.catch(() => undefined);
  const deliver = async (name: string, length: number): Promise<Run> => {
    child.send(event(name, await services.upload(name, length)));
    const [measured] = await Promise.race([once(child, 'message'), closed]);
    await services.expect(`${name}.png`, length);
    return measured;
  };
  for (let n = 0; n < WARM_UPS; n++) await deliver(`warm-up-${n}-${key}`, Math.min(bytes, WARM_UP_BYTES));
  const measured = await deliver(key, bytes);
  child.disconnect();
  return measured;
}

/** One curl downloads, another one uploads to a presigned URL; S3 has to be told the length. */
async function byCurl(services: Services, key: string, bytes: number): Promise<Run> {
  const { s3Url, cdnUrl } = services.started;
  const s3 = new S3Client({
    ...{ endpoint: s3Url, region: REGION, credentials: LOCAL_CREDENTIALS, forcePathStyle: true },
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
  const putUrl = await getSignedUrl(s3, new PutObjectCommand({ Bucket: 'results', Key: key }));
  await services.upload(key, bytes);
  const before = performance.now();
  const down = spawn('curl', ['-sS', '-f', `${cdnUrl}/v1/bria-1/output.png`], { stdio: ['ignore', 'pipe', 'inherit'] });
  const headers = ['-H', `Content-Length: ${bytes}`, '-H', 'Transfer-Encoding:', '-H', 'Expect:'];
  const up = spawn('curl', ['-sS', '-f', '-T', '-', ...headers, putUrl], { stdio: [down.stdout, 'ignore', 'inherit'] });
  // The other process has it now; here, it would be read as well.
  down.stdout.destroy();
  const peaks = new Map<number, number>();
  const look = setInterval(() => {
    for (const { pid = 0 } of [down, up]) peaks.set(pid, Math.max(peaks.get(pid) ?? 0, peakOf(pid) ?? 0));
  }, 2);
  const [code] = await once(up, 'close');
  const seconds = (performance.now() - before) / 1000;
  clearInterval(look);
  if (code !== 0) throw new Error(`curl ended with ${code}`);
  await services.expect(key, bytes);
  const peakBytes = [...peaks.values()].reduce((sum, each) => sum + each, 0);
  return { seconds, peakBytes: peakBytes || undefined };
}

/** The most memory that another process has taken so far, where `/proc` tells. */
function peakOf(pid: number): number | undefined {
  try {
    const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kilobytes ?? 0) * 1024;
  } catch {
    return undefined;
  }
}
