import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AwsError } from '../../local/aws-api.ts';
import type { LocalCloud } from '../../local/cloud.ts';
import { ACCOUNT } from '../../local/template.ts';
import { backfill } from '../backfill-rig.ts';
import { statesOf } from '../executions.ts';
import { picture } from '../pictures.ts';
import { execute, startCloud, upload } from '../pipeline-rig.ts';
import { until } from '../until.ts';
import { API_KEY } from './hostile.ts';
import { everythingSaid, leaks, objects, type Said, secretsOf } from './said.ts';

/**
 * Runs of the whole deployment, in each way they can end, against a gateway, a CDN and AWS services that repeat in their
 * answers whatever they were told. Afterwards all that was said is searched for secrets.
 */

/** In the query of image URLs that callers pass: theirs, and ours to keep. */
const CALLERS = 'callers0signature0of0an0image';
/** What AWS says of a call that it refuses. */
const REFUSED = `User: arn:aws:sts::${ACCOUNT}:assumed-role/Cutout-SubmitRole-1A2B/Cutout-Submit is not authorized`;

let small: Buffer;
beforeAll(async () => {
  small = await picture(7);
});

function start(settings: Record<string, unknown>): Promise<LocalCloud> {
  const gateway = { apiKeys: [API_KEY], durationMs: 20, cutOut: async (image: Buffer) => image };
  const timing = { waitMs: 5, retryMs: 2, visibilityMs: 5, callbackTimeoutMs: 500 };
  return startCloud({ settings, apiKey: API_KEY, gateway, ...timing });
}

/** Lets the gateway repeat all that it was sent, as it came and in parts. */
function gossip(cloud: LocalCloud, status: number): void {
  cloud.gateway.always({
    submit: ({ imageUrl, headers }) => {
      const { host, pathname, search } = new URL(imageUrl);
      const callback = headers['x-webhook-url'];
      // The shortest first: long messages are cut.
      const message = [
        callback === undefined ? 'Cannot call back' : `POST ${new URL(callback).pathname} failed (${callback})`,
        `with the key ${headers['ocp-apim-subscription-key']}`,
        `for ${imageUrl} that is ${host}${pathname}${search}`,
      ];
      return { status, body: { error: { key: API_KEY, imageUrl }, message: message.join(' ') } };
    },
  });
}

function behave(cloud: LocalCloud): void {
  cloud.gateway.always({
    submit: 'accept',
    status: 'normal',
    outcome: 'COMPLETED',
    download: 'normal',
    webhook: 'send',
  });
  cloud.onAwsCall = undefined;
  cloud.onInvoke = undefined;
  cloud.s3.onRequest = undefined;
}

/** What error files have said, by key. */
function errorFiles(cloud: LocalCloud): { error: string; text: string }[] {
  const files = objects(cloud).filter(({ key }) => key.endsWith('.error.json'));
  return files.map(({ text }) => ({ error: /"error": "(\w+)"/.exec(text)?.[1] ?? '', text }));
}

/** Names of what an error file's reader has no business with. */
function expectNothingOfTheInside(cloud: LocalCloud): void {
  const functions = cloud.template.resources('AWS::Lambda::Function');
  const names = functions.map(({ logicalId }) => cloud.template.ref(logicalId));
  for (const { text } of errorFiles(cloud)) {
    expect(text).not.toMatch(/arn:|assumed-role|\bat \S+ \(|\.m?[jt]s\b|\/tmp\/|node_modules|ECONN/i);
    expect(text).not.toContain(ACCOUNT);
    for (const name of names) expect(text).not.toContain(name);
  }
}

describe('in polling mode', () => {
  let cloud: LocalCloud;
  let said: Said[];

  beforeAll(async () => {
    cloud = await start({});
    const { gateway } = cloud;
    let number = 0;
    const drop = (body: Buffer | string = small) => upload(cloud, `drop-${++number}.png`, body);
    const call = (input: unknown) => execute(cloud, `call-${++number}`, input);
    const signed = (path: string) => `${path}?X-Amz-Credential=${CALLERS}&X-Amz-Signature=${CALLERS}`;
    const callWith = (imageUrl: string) => call({ imageUrl, resultKey: `called-${number}` });
    const ownUrl = signed(`${gateway.cdnUrl}/picture.jpg`);

    await drop();
    await drop('no picture');
    for (const status of [400, 401, 402, 403, 404, 500]) {
      gossip(cloud, status);
      await drop();
    }
    behave(cloud);
    gateway.nextStatuses({
      document: { status: 'FAILED', error: { message: `Cannot GET ${ownUrl} with ${API_KEY}` } },
    });
    await drop();
    gateway.nextStatuses({ document: { status: `THINKING about ${ownUrl} and ${API_KEY}` } });
    gateway.nextOutcomes('ERROR', 'ERROR', 'ERROR');
    await drop();

    // Where results are, and are not.
    gateway.nextOutcomes({ mediaUrls: [`https://elsewhere.example/${CALLERS}.png?token=${CALLERS}`] });
    await drop();
    for (const download of ['html', { status: 404 }, { redirect: signed('https://elsewhere.example/x') }] as const) {
      gateway.always({ download });
      await drop();
    }
    behave(cloud);

    // AWS refuses, and functions crash.
    cloud.s3.onRequest = ({ operation, presigned }) =>
      operation === 'GetObject' && !presigned ? { status: 403, code: 'AccessDenied', message: REFUSED } : undefined;
    await drop();
    behave(cloud);
    cloud.onInvoke = (bundle) =>
      bundle === 'check-status'
        ? {
            errorType: 'Runtime.ExitError',
            errorMessage: `RequestId: 1 ${REFUSED}`,
            trace: ['at x (/var/task/x.mjs:1)'],
          }
        : undefined;
    await drop();
    behave(cloud);
    await cloud.function('submit').crash();
    cloud.onAwsCall = (operation) =>
      operation === 'secretsmanager.GetSecretValue' ? new AwsError('AccessDeniedException', REFUSED) : undefined;
    await drop();
    behave(cloud);
    gateway.nextOutcomes('NEVER');
    cloud.s3.put(cloud.uploadsBucket, 'stopped.png', small);
    const stopped = await until(() => cloud.stepFunctions.executions.find(({ input }) => input.includes('stopped')));
    await until(() => statesOf(stopped).includes('Check status') || undefined);
    cloud.stepFunctions.stop(stopped.arn);
    await cloud.settled();

    // Callers, and what they get wrong.
    gateway.nextDownloads({ status: 200, body: small }, { status: 200, body: small });
    await callWith(ownUrl);
    for (const download of [{ status: 404 }, { status: 200, body: 'text' }, { redirect: signed('ftp://elsewhere') }]) {
      gateway.nextDownloads(download);
      await callWith(ownUrl);
    }
    gossip(cloud, 402);
    gateway.nextDownloads({ status: 200, body: small });
    await callWith(ownUrl);
    behave(cloud);
    await callWith(signed('http://127.0.0.1:1/picture.jpg'));
    await callWith(signed('ftp://elsewhere.example/picture.jpg'));
    await callWith(`https://user:${CALLERS}@elsewhere.invalid/picture.jpg`);
    await call({ bucket: signed('https://uploads.example'), key: 'a.jpg' });
    await call({ bucket: cloud.uploadsBucket, key: 'a.jpg', versionId: { of: signed('https://uploads.example') } });
    await call({ [signed('https://uploads.example')]: true, bucket: 'uploads', key: 'a.jpg' });

    // A backfill, whose report names what failed, and one that is refused.
    cloud.s3.put(cloud.uploadsBucket, 'backfill/good.png', small);
    await cloud.settled();
    cloud.s3.put(cloud.uploadsBucket, 'backfill/bad.png', small);
    await cloud.settled();
    for (const key of cloud.s3.list(cloud.resultsBucket, 'backfill/')) cloud.s3.delete(cloud.resultsBucket, key);
    gossip(cloud, 400);
    await backfill(cloud, { prefix: 'backfill/', toleratedFailurePercentage: 100 });
    behave(cloud);
    // Of a wrong type: what is refused is quoted.
    await backfill(cloud, { dryRun: signed('https://uploads.example') as unknown as boolean });
    said = everythingSaid(cloud);
  }, 60_000);
  afterAll(() => cloud?.close());

  it('runs end in every way that was meant', () => {
    const ended = new Set(cloud.stepFunctions.executions.map(({ status, error }) => error ?? status));
    expect([...ended].sort()).toEqual(
      [
        ...['ABORTED', 'BadRequest', 'DownloadFailed', 'Forbidden', 'ImageNotFound', 'InsufficientBalance'],
        ...['InternalError', 'InvalidInput', 'InvalidResult', 'NotAnImage', 'NotFound', 'OutcomeUnknown'],
        ...['RemovalError', 'RemovalFailed', 'Runtime.ExitError', 'SUCCEEDED', 'States.TaskFailed', 'Unauthorized'],
        'UntrustedResultUrl',
      ].sort(),
    );
    expect(new Set(said.map(({ where }) => where))).toEqual(
      new Set(['log', 'execution input', 'state', 'execution end', 'object']),
    );
    expect(cloud.s3.list(cloud.resultsBucket, 'backfills/').join()).toMatch(/FAILED_0.*report\.json/);
  });

  it('nothing that is said holds the API key or a signature of ours', async () => {
    const secrets = await secretsOf(cloud, API_KEY);
    expect(secrets['a signature']?.length).toBeGreaterThan(10);
    const ours = said.filter(({ text }) => !text.includes(CALLERS));
    expect(ours.length).toBeGreaterThan(said.length / 2);
    expect(leaks(ours, secrets)).toEqual([]);
    // Where a caller's signature stands, ours do not.
    expect(leaks(said, secrets).filter((leak) => !leak.startsWith('a presigned URL'))).toEqual([]);
  });

  it("the query of a caller's image URL stays within the data of its own execution", () => {
    const isOwn = ({ where }: Said) => where === 'execution input' || where === 'state';
    expect(leaks(said.filter(isOwn), { 'the query': [CALLERS] })).toContain('the query in: execution input');
    expect(
      leaks(
        said.filter((each) => !isOwn(each)),
        { 'the query': [CALLERS] },
      ),
    ).toEqual([]);
  });

  it('error files say nothing of the inside', () => {
    expect(new Set(errorFiles(cloud).map(({ error }) => error)).size).toBeGreaterThan(12);
    expectNothingOfTheInside(cloud);
  });
});

describe('in webhook mode', () => {
  let cloud: LocalCloud;

  beforeAll(async () => {
    cloud = await start({ webhook: true });
    const { gateway } = cloud;
    await upload(cloud, 'woken.png', small);
    for (const status of [400, 500]) {
      gossip(cloud, status);
      await upload(cloud, `refused-${status}.png`, small);
    }
    behave(cloud);
    gateway.nextStatuses({
      document: { status: 'FAILED', error: `${gateway.submissions.at(-1)?.headers['x-webhook-url']} does not answer` },
    });
    await upload(cloud, 'failed.png', small);
    // The execution cannot be woken, and polls.
    cloud.onAwsCall = (operation) =>
      operation === 'AWSStepFunctions.SendTaskSuccess' ? new AwsError('KmsAccessDeniedException', REFUSED) : undefined;
    await upload(cloud, 'not-woken.png', small);
    cloud.onAwsCall = (operation) =>
      operation === 'DynamoDB.UpdateItem' ? new AwsError('ValidationException', REFUSED) : undefined;
    await upload(cloud, 'without-table.png', small);
    behave(cloud);
    const webhookUrl = gateway.submissions.at(-1)?.headers['x-webhook-url'] ?? '';
    for (const url of [webhookUrl, `${webhookUrl}x`, webhookUrl.slice(0, -1)])
      await fetch(url, { method: 'POST', body: `{"request_id":"${url}"}` });
    await cloud.settled();
  }, 60_000);
  afterAll(() => cloud?.close());

  it('nothing that is said holds a capability or a task token, the API key or a signature', async () => {
    const secrets = await secretsOf(cloud, API_KEY);
    for (const what of ['a capability', 'a task token', 'a signature'])
      expect(secrets[what]?.length, what).toBeGreaterThan(1);
    const said = everythingSaid(cloud);
    expect(said.filter(({ where }) => where === 'log').join().length).toBeGreaterThan(100);
    expect(leaks(said, secrets)).toEqual([]);
  });

  it('error files say nothing of the inside', () => {
    expect(errorFiles(cloud).map(({ error }) => error)).toEqual(
      expect.arrayContaining(['BadRequest', 'OutcomeUnknown', 'RemovalFailed']),
    );
    expectNothingOfTheInside(cloud);
  });
});
