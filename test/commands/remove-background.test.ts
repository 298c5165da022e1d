import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { awaitJob, type Patience, saveMedium, submit } from '../../commands/shared/gateway-job.ts';
import { Gateway } from '../../functions/gateway/client.ts';
import { GatewaySimulator, type JobOutcome, type SubmitBehaviour } from '../../local/gateway.ts';
import { CAT, picture } from '../pictures.ts';
import { until } from '../until.ts';

/** `npm run remove-background` as a person runs it, against the gateway on this machine. */
const KEY = 'k3y-that-nobody-may-see';
const PRICE = '$0.018';
let gateway: GatewaySimulator;
let images: Server;
let folder: string;

/** What becomes of an image stands in its name, so that all of this can run at once. */
const SUBMITS: Record<string, SubmitBehaviour> = {
  'poor.png': { status: 402 },
  'forbidden.png': { status: 403 },
  'bad.png': { status: 400 },
  'lost.png': 'accept-then-reset',
};
const OUTCOMES: Record<string, JobOutcome> = {
  'failed.png': 'FAILED',
  'error.png': 'ERROR',
  'slow.png': 'NEVER',
  'long.png': 'NEVER',
  'endless.png': 'NEVER',
  'several.png': { mediaCount: 2 },
  'elsewhere.png': { mediaUrls: ['https://elsewhere.example/cat.png'] },
};

beforeAll(async () => {
  const body = await picture(10);
  images = createServer(({ url }, response) => response.end(url === '/large.jpg' ? CAT : body));
  await new Promise<void>((resolve) => images.listen(0, '127.0.0.1', resolve));
  gateway = await GatewaySimulator.start({ apiKeys: [KEY], durationMs: 0 });
  gateway.always({
    submit: ({ imageUrl }) => SUBMITS[nameOf(imageUrl)] ?? 'accept',
    outcome: ({ imageUrl }) => OUTCOMES[nameOf(imageUrl)] ?? 'COMPLETED',
  });
  folder = mkdtempSync(join(tmpdir(), 'cutout-'));
});
afterAll(async () => {
  images?.close();
  rmSync(folder, { recursive: true, force: true });
  await gateway?.close();
});

const nameOf = (url: string) => new URL(url).pathname.slice(1);
const urlOf = (name: string) => `http://127.0.0.1:${(images.address() as AddressInfo).port}/${name}`;
const submissionsOf = (name: string) => gateway.submissions.filter(({ imageUrl }) => nameOf(imageUrl) === name);

describe.concurrent('npm run remove-background', () => {
  it('says the price, and saves the cutout under the extension of what it is', async () => {
    const { output, exitCode } = await run({}, `${urlOf('cat.jpg')}?token=s3cr3t`);
    expect(output).toMatch(
      /^Submitting http:\S+\/cat\.jpg to http:\S+, for \$0\.018\.\nAccepted as request bria\S+\.\n✓ /,
    );
    expect(output).toContain('✓ out/cat.jpg.png');
    expect(output).not.toContain('s3cr3t');
    expect(exitCode).toBe(0);
    expect(await formatOf('out/cat.jpg.png')).toBe('png');
  });

  it('saves all results of a job, the first where it was asked for', async () => {
    const { output, exitCode } = await run({}, urlOf('several.png'), '--out', 'sub/mine.png');
    expect(output).toMatch(/✓ sub\/mine\.png .*\n✓ sub\/mine-2\.png/);
    expect(exitCode).toBe(0);
    expect(await formatOf('sub/mine.png')).toBe('png');
    expect(await formatOf('sub/mine-2.png')).toBe('png');
  });

  it.for([
    ['poor.png', /✗ InsufficientBalance: .*402.* Nothing was charged\. Top up the gateway's wallet/],
    ['forbidden.png', /✗ Forbidden: .*403.* Check that the API key is entitled/],
    ['bad.png', /✗ BadRequest: .*400 \(Model not found: .* See what the gateway says/],
    ['lost.png', /✗ OutcomeUnknown: .* may or may not have accepted, and charged, the image/],
    ['failed.png', /✗ RemovalFailed: The gateway could not remove the background.* Look at the picture/],
    ['error.png', /✗ RemovalError: .* does not charge for this\. Run this again\./],
    [
      'elsewhere.png',
      /✗ UntrustedResultUrl: .*https:\/\/elsewhere\.example.*--result-hosts[\s\S]*To go on with request/,
    ],
  ] as const)(
    'submits %s once, and says why there is no cutout, in words for somebody without a stack',
    async ([name, words], { expect }) => {
      const { output, exitCode } = await run({}, urlOf(name));
      expect(output).toContain(PRICE);
      expect(output).toMatch(words);
      expect(output).not.toMatch(/redriv|execution|\bat .*\.ts:/i);
      expect(exitCode).toBe(1);
      expect(submissionsOf(name)).toHaveLength(1);
      expect(existsSync(join(folder, `out/${name}.png`))).toBe(false);
    },
  );

  it('refuses to begin without an API key, or with one that cannot be', async () => {
    for (const [key, words] of [
      [undefined, 'PIXAZO_API_KEY is not set.'],
      ['two words', 'PIXAZO_API_KEY holds characters that no API key has.'],
      ['{"apiKey":"two-words"}', 'PIXAZO_API_KEY holds JSON: store the key as plain text.'],
      ['"two-words"', 'PIXAZO_API_KEY holds JSON: store the key as plain text.'],
      ['["two-words"]', 'PIXAZO_API_KEY holds JSON: store the key as plain text.'],
    ] as const) {
      const { output, exitCode } = await run({ PIXAZO_API_KEY: key }, urlOf('no-key.png'));
      expect(output).toContain(words);
      expect(output).not.toMatch(/two.words/);
      expect(exitCode).toBe(1);
    }
    expect(submissionsOf('no-key.png')).toEqual([]);
  });

  it('names what is wrong with a key that the gateway refuses, without the key', async () => {
    const { output, exitCode } = await run({ PIXAZO_API_KEY: 'wr0ng' }, urlOf('refused.png'));
    expect(output).toMatch(/✗ Unauthorized: .*401.* Set PIXAZO_API_KEY to a valid API key/);
    expect(output).not.toContain('wr0ng');
    expect(exitCode).toBe(1);
  });

  it('explains that the gateway cannot fetch a local file', async () => {
    const { output, exitCode } = await run({}, join(import.meta.dirname, '../../local/sample/cat.jpg'));
    expect(output).toMatch(/is a file here, but the gateway fetches the image from a URL by itself/);
    expect(exitCode).toBe(1);
  });

  it('after the time limit says how to go on, and that works without paying again', async () => {
    const late = await run({}, urlOf('slow.png'), '--timeout', '0s');
    expect(late.output).toMatch(/✗ JobTimedOut: The job is still (QUEUED|PROCESSING)\./);
    expect(late.exitCode).toBe(1);
    const [, id = ''] = /npm run remove-background -- --request-id (\S+) --gateway-url/.exec(late.output) ?? [];

    await gateway.finish(id);
    const { output, exitCode } = await run({}, '--request-id', id, '--out', 'resumed.png');
    expect(output).not.toContain(PRICE);
    expect(exitCode).toBe(0);
    expect(await formatOf('resumed.png')).toBe('png');
    expect(submissionsOf('slow.png')).toHaveLength(1);
  });

  it('goes on with every option that was given, and keeps a record of what the gateway answers', async () => {
    const given = ['--out', "sub/it's.png", '--record', 'my record', '--timeout', '0s'];
    const late = await run({}, `${urlOf('long.png')}?token=s3cr3t`, ...given);
    expect(late.output).toContain('Recorded in my record: 2 answers, without the API key, cookies and signatures.');
    const [, command = ''] = /npm run remove-background -- (.*)/.exec(late.output) ?? [];
    const args = execFileSync('bash', ['-c', `printf '%s\\n' ${command}`])
      .toString()
      .trim()
      .split('\n');
    const id = submissionsOf('long.png')[0]?.requestId ?? '';
    const hosts = ['--gateway-url', gateway.url, '--result-hosts', gateway.cdnUrl];
    expect(args).toEqual([
      '--request-id',
      id,
      ...hosts,
      ...given.slice(0, 2),
      '--name',
      'long.png',
      ...given.slice(4),
      ...given.slice(2, 4),
    ]);

    await gateway.finish(id);
    const { output, exitCode } = await run({}, ...args);
    expect(exitCode).toBe(0);
    expect(output).toMatch(
      /✓ sub\/it's\.png .*\nRecorded in my record: 2 answers, .*\n.*\n {2}answers {10}status 200, download 200\n/,
    );
    const files = readdirSync(join(folder, 'my record'));
    expect(files.map((name) => /\d-(\w+)\.json$/.exec(name)?.[1])).toEqual(['submit', 'status', 'status', 'download']);
    for (const name of files) expect(readFileSync(join(folder, 'my record', name), 'utf8')).not.toMatch(/k3y|s3cr3t/);
  });

  it('ended by Ctrl-C says how to go on', async () => {
    const { output, exitCode } = await run({ stopAfter: 'PROCESSING' }, urlOf('endless.png'));
    const id = submissionsOf('endless.png')[0]?.requestId;
    expect(output).toContain(`npm run remove-background -- --request-id ${id}`);
    expect(exitCode).toBe(130);
  });
});

describe('a submission', () => {
  it('that was surely not accepted is sent again, when the gateway says', async () => {
    const { patience, slept } = unhurried();
    gateway.nextSubmits({ status: 429, headers: { 'retry-after': '7' } }, { status: 429 });
    const id = await submit(client(), urlOf('patient.png'), patience);
    expect(id).toBe(submissionsOf('patient.png').at(-1)?.requestId);
    expect(submissionsOf('patient.png').map(({ accepted }) => accepted)).toEqual([false, false, true]);
    expect(slept).toEqual([7, 4]);
  });

  it('is given up when the gateway asks for more patience than there is', async () => {
    gateway.nextSubmits({ status: 429, headers: { 'retry-after': '3600' } });
    await expect(submit(client(), urlOf('late.png'), unhurried().patience)).rejects.toMatchObject({
      name: 'TooManyRequests',
    });
    expect(submissionsOf('late.png')).toHaveLength(1);
  });
});

describe('a job', () => {
  it('is asked for at the pace of the state machine, whatever the status endpoint says in between', async () => {
    const { patience, slept, shown } = unhurried();
    const { requestId } = await client().submit(urlOf('job.png'));
    gateway.nextStatuses({ status: 404 }, { status: 500 }, { status: 429, headers: { 'retry-after': '9' } }, 'html');
    gateway.nextStatuses({ document: { status: 'SOMETHING_NEW' } });
    expect(await awaitJob(client(), requestId, patience, Date.now())).toEqual([
      `${gateway.cdnUrl}/v1/${requestId}/output.png`,
    ]);
    expect(slept).toEqual([5, 5, 9, 5, 5]);
    expect(shown.at(-1)).toBe('SOMETHING_NEW');
  });

  it('that nobody knows is not waited for, if it is not new', async () => {
    await expect(awaitJob(client(), 'forgotten', unhurried().patience)).rejects.toMatchObject({ name: 'NotFound' });
  });
});

describe('a result', () => {
  const save = async (name: string, tries: number) => {
    const { requestId } = await client().submit(urlOf('large.jpg'));
    const [url = ''] = await awaitJob(client(), requestId, unhurried().patience, Date.now());
    gateway.nextDownloads(...Array.from({ length: tries }, () => 'cut' as const));
    const pathFor = (extension: string) => join(folder, name, `a.${extension}`);
    return saveMedium({ url, hosts: [gateway.cdnUrl], place: 'first', pathFor }, unhurried().patience);
  };

  it('whose download breaks off is fetched again', async () => {
    const { bytes, path } = await save('whole', 2);
    expect(readFileSync(path)).toHaveLength(bytes);
    expect(readdirSync(join(folder, 'whole'))).toEqual(['a.png']);
  });

  it('that never comes whole leaves no file', async () => {
    await expect(save('broken', 5)).rejects.toMatchObject({ name: 'DownloadFailed' });
    expect(readdirSync(join(folder, 'broken'))).toEqual([]);
  });
});

const client = () => new Gateway({ url: gateway.url, apiKey: async () => KEY });

/** Ten minutes, in which waiting takes no time. */
function unhurried(): { patience: Patience; slept: number[]; shown: string[] } {
  const [slept, shown]: [number[], string[]] = [[], []];
  const sleep = async (seconds: number) => void slept.push(seconds);
  const show = (status: string) => void shown.push(status);
  return { patience: { deadline: Date.now() + 600_000, sleep, show }, slept, shown };
}

async function formatOf(path: string): Promise<string | undefined> {
  return (await sharp(readFileSync(join(folder, path))).metadata()).format;
}

interface Run {
  PIXAZO_API_KEY?: string | undefined;
  /** Sends SIGINT once the output has this. */
  stopAfter?: string;
}

async function run(
  { stopAfter, ...env }: Run,
  ...args: string[]
): Promise<{ output: string; exitCode: number | null }> {
  const command = join(import.meta.dirname, '../../commands/remove-background.ts');
  const options = ['--gateway-url', gateway.url, '--result-hosts', gateway.cdnUrl];
  const child: ChildProcess = spawn(process.execPath, [command, ...options, ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH, PIXAZO_API_KEY: KEY, ...env },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk));
  const closed = new Promise<number | null>((resolve) => child.on('close', resolve));
  if (stopAfter !== undefined) {
    await until(() => output.includes(stopAfter) || undefined);
    child.kill('SIGINT');
  }
  const exitCode = await closed;
  expect(output).not.toContain(KEY);
  return { output, exitCode };
}
