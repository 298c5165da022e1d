import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { inWords } from '../../commands/shared/problems.ts';
import { AwsError } from '../../local/aws-api.ts';
import { LOCAL_API_KEY, LOCAL_CREDENTIALS, type LocalCloud } from '../../local/cloud.ts';
import { closedPort } from '../closed-port.ts';
import { startCloud } from '../pipeline-rig.ts';

/** `npm run smoke` as a person runs it, against deployed stacks on this machine: one polls, the other is called back. */
let polling: LocalCloud;
let called: LocalCloud;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cutout-'));
  [polling, called] = await Promise.all([
    startCloud({ settings: { uploadsPrefix: 'photos/in/', resultsPrefix: 'out/' } }),
    startCloud({ settings: { webhook: true }, callbackTimeoutMs: 1_500, apiKey: null }),
  ]);
});
afterEach(() => {
  for (const cloud of [polling, called]) cloud.onAwsCall = cloud.s3.onRequest = undefined;
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await Promise.all([polling?.close(), called?.close()]);
});

const samplesIn = (cloud: LocalCloud) => cloud.s3.list(cloud.uploadsBucket).filter((key) => /smoke-test-/.test(key));
/** Where the sample was uploaded to. */
const keyIn = (output: string) => / → s3:\/\/[^/]+\/(\S+)/.exec(output)?.[1] ?? 'no key';

describe('npm run smoke', () => {
  it('says the price, shows each state, stores the cutout and removes what it made', async () => {
    const { output, exitCode } = await smoke(polling);
    expect(output).toMatch(
      /^This submits one image to the gateway, for \$0\.018\.\n\n +0\.00 s {2}upload \S+cat\.jpg → s3:/,
    );
    const states = [...output.matchAll(/→ (Submit|Wait|Check status|Deliver)/g)].map(([, state]) => state);
    expect(states.slice(0, 3)).toEqual(['Submit', 'Wait', 'Check status']);
    expect(states.at(-1)).toBe('Deliver');
    expect(output).toMatch(
      /succeeded\n\n✓ \S+cat\.jpg → out\/cat\.jpg\.png \(\d.*, image\/png\)\n {2}s3:\/\/\S+\/out\/smoke/,
    );
    expect(output).toMatch(
      /Took [\d.]+ s: until its start [\d.]+ s, Submit [\d.]+ s, Wait .*\nAt the gateway this cost \$0\.018\./,
    );
    expect(exitCode).toBe(0);
    expect((await sharp(readFileSync(join(folder, 'out/cat.jpg.png'))).metadata()).format).toBe('png');
    expect(samplesIn(polling)).toEqual([]);
    expect(polling.s3.list(polling.resultsBucket)).toEqual([]);
  });

  it('says why there is no cutout, and what to do', async () => {
    polling.gateway.nextSubmits({ status: 402 });
    const { output, exitCode } = await smoke(polling);
    expect(output).toMatch(
      /✗ InsufficientBalance\n.* failed\n\n✗ InsufficientBalance: .*402.* Top up the gateway's wallet/,
    );
    expect(output).toContain('npm run redrive -- --error InsufficientBalance\n');
    expect(output).toContain('At the gateway this cost $0.000.');
    expect(exitCode).toBe(1);
    expect(samplesIn(polling)).toHaveLength(1);
  });

  it('says why no execution may have begun', async () => {
    polling.onAwsCall = (operation) =>
      operation.endsWith('StartExecution') ? new AwsError('AccessDeniedException', 'no') : undefined;
    const { output, exitCode } = await smoke(polling, '--timeout', '0.3s');
    expect(output).toMatch(
      /✗ No execution began within 0\.3s of the upload\.\n.* may not send its events to EventBridge/,
    );
    expect(output).toContain(polling.template.output('DeadLetterQueueUrl'));
    expect(output).toContain(`The upload stays where it is: s3://${polling.uploadsBucket}/${keyIn(output)}`);
    expect(samplesIn(polling)).toContain(keyIn(output));
    expect(exitCode).toBe(1);
    // Its event is still in the queue.
    polling.onAwsCall = undefined;
    await polling.settled();
  });

  it('ended by Ctrl-C names the execution that goes on', async () => {
    polling.gateway.nextOutcomes('NEVER');
    const { output, exitCode } = await run({ ...endpointsOf(polling), stopAfter: '→ Wait' });
    const execution = polling.stepFunctions.executions.find(({ input }) => input.includes(keyIn(output)));
    expect(output).toContain(`No longer watched, but it goes on: ${execution?.arn}`);
    expect(exitCode).toBe(130);
    await polling.gateway.finish(polling.gateway.submissions.at(-1)?.requestId ?? '');
  });

  it('uploads nothing that is no image', async () => {
    writeFileSync(join(folder, 'text.jpg'), 'no picture');
    const { output, exitCode } = await smoke(polling, 'text.jpg');
    expect(output).toContain('text.jpg is no image by its first bytes; nothing was uploaded.');
    expect(exitCode).toBe(1);
  });
});

describe('npm run smoke in webhook mode', () => {
  it('shows the command that stores the API key, if there is none', async () => {
    const { output, exitCode } = await smoke(called);
    expect(output).toMatch(/✗ ApiKeyNotSet: The secret .* is empty/);
    expect(output).toContain(`To store the API key: ${called.template.output('SetApiKeyCommand')}`);
    expect(exitCode).toBe(1);
    called.secrets.put(called.template.output('ApiKeySecretArn'), LOCAL_API_KEY);
  });

  it('says that the endpoint works, and that the gateway called back', async () => {
    const { output, exitCode } = await smoke(called, '--keep');
    expect(output).toMatch(/^The webhook endpoint answers as it should\.\n/);
    expect(output).toContain('→ Await callback');
    expect(output).toContain('The gateway called back.');
    expect(exitCode).toBe(0);
    // What is kept beside the sample of the run before, which failed.
    expect(samplesIn(called)).toHaveLength(2);
    expect(called.s3.list(called.resultsBucket)).toContain(`${keyIn(output)}.png`);
  });

  it('warns of an endpoint that lets nobody in, and of a callback that did not come', async () => {
    called.onInvoke = (bundle) =>
      bundle === 'on-callback' ? { errorType: 'Lambda.Unknown', errorMessage: '', trace: [] } : undefined;
    const { output, exitCode } = await smoke(called);
    expect(output).toMatch(/^! The webhook endpoint does not work: it answers 502: on-callback crashed/);
    expect(output).toContain('✗ no callback in time');
    expect(output).toContain('! The gateway did not call back in time; the polling had to.');
    expect(exitCode).toBe(0);
  });

  it('warns of an endpoint that cannot be reached; a refused upload ends it', async () => {
    const [url] = called.template.resources('AWS::Lambda::Url');
    called.template.functionUrls.set(url?.logicalId ?? '', `http://127.0.0.1:${await closedPort()}/`);
    called.s3.onRequest = ({ operation }) =>
      operation === 'PutObject' ? { status: 403, code: 'AccessDenied' } : undefined;
    const before = called.gateway.submissions.length;
    const { output, exitCode } = await smoke(called);
    expect(output).toMatch(/^! The webhook endpoint does not work: it cannot be reached from here \(ECONNREFUSED\)/);
    expect(output).toContain('each image waits for five minutes before the polling begins');
    expect(output).toMatch(/Could not upload to s3:\/\/\S+\.jpg\. AWS refuses this to your credentials \(AccessDenied/);
    expect(exitCode).toBe(1);
    expect(called.gateway.submissions).toHaveLength(before);
  });
});

describe.concurrent('without a deployment', () => {
  it.for([
    ['ValidationError', 'Stack with id Nowhere does not exist', 'There is no stack Nowhere in us-east-1. Deploy it'],
    ['ExpiredToken', 'The security token has expired', 'The AWS credentials have expired (ExpiredToken: '],
  ] as const)('%s is said in words', async ([code, message, words], { expect }) => {
    const server = createServer((_, response) => {
      const error = `<Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error>`;
      response.writeHead(400, { 'content-type': 'text/xml' }).end(`<ErrorResponse>${error}</ErrorResponse>`);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { output, exitCode } = await run({ AWS_ENDPOINT_URL: endpoint }, '--stack', 'Nowhere');
    server.close();
    expect(output).toContain(words);
    expect(exitCode).toBe(1);
  });

  it('missing credentials and a missing region are said in words', async () => {
    const nobody = { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined, AWS_PROFILE: undefined };
    expect((await run(nobody)).output).toMatch(/^There are no usable AWS credentials .*aws sso login/);
    const { output, exitCode } = await run({ ...nobody, AWS_REGION: undefined, AWS_DEFAULT_REGION: undefined });
    expect(output).toMatch(/^No AWS region is chosen\. Set AWS_REGION/);
    expect(exitCode).toBe(1);
  });

  it.for([
    ['NoSuchBucket', 'There is no such bucket'],
    ['PermanentRedirect', 'The bucket is in another region than the stack'],
    ['InvalidClientTokenId', 'AWS does not accept the credentials'],
    ['Error', 'as AWS says it'],
  ])('%s has its words', ([name = '', words], { expect }) => {
    expect(inWords(Object.assign(new Error('as AWS says it'), { name }))).toMatch(new RegExp(`^${words}`));
  });
});

const endpointsOf = (cloud: LocalCloud) => ({ AWS_ENDPOINT_URL: cloud.awsUrl, AWS_ENDPOINT_URL_S3: cloud.s3.url });

function smoke(cloud: LocalCloud, ...args: string[]): ReturnType<typeof run> {
  return run(endpointsOf(cloud), ...args);
}

/** @param environment What differs in it; `stopAfter` sends SIGINT once the output has this. */
async function run(
  { stopAfter, ...environment }: Record<string, string | undefined>,
  ...args: string[]
): Promise<{ output: string; exitCode: number | null }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../commands/smoke.ts'), ...args], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
      ...environment,
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
      if (stopAfter !== undefined && !child.killed && output.includes(stopAfter)) child.kill('SIGINT');
    });
  }
  return new Promise((resolve) => child.on('close', (exitCode) => resolve({ output, exitCode })));
}
