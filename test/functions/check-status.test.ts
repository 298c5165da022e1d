import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Job } from '../../functions/job.ts';
import { type AwsApi, serveAwsApi } from '../../local/aws-api.ts';
import { GatewaySimulator, type JobOutcome } from '../../local/gateway.ts';
import { LocalSecrets } from '../../local/secrets.ts';
import { PNG } from '../pictures.ts';
import { failureOf } from './failure-of.ts';
import { CONTEXT, setEnvironment } from './invocation.ts';

const SECRET = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:key';
const TIMEOUT_MINUTES = 60;

const secrets = new LocalSecrets();
let secretsManager: AwsApi;
let gateway: GatewaySimulator;
let checkStatus: (job: Job, redriveCount?: number | null) => Promise<Job>;

beforeAll(async () => {
  secrets.create(SECRET);
  secretsManager = await serveAwsApi(secrets.operations);
  gateway = await GatewaySimulator.start({ apiKeys: ['good-key'], durationMs: 3_600_000, cutOut: async () => PNG });
  setEnvironment({
    GATEWAY_URL: gateway.url,
    TIMEOUT_MINUTES: `${TIMEOUT_MINUTES}`,
    API_KEY_SECRET_ARN: SECRET,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: secretsManager.url,
  });
  const { handler } = await import('../../functions/check-status.ts');
  checkStatus = (job, redriveCount) => handler(redriveCount === undefined ? { job } : { job, redriveCount }, CONTEXT);
});

beforeEach(() => {
  gateway.apiKeys.clear();
  gateway.apiKeys.add('good-key');
  secrets.put(SECRET, 'good-key\n');
});

afterAll(async () => {
  await gateway.close();
  await secretsManager.close();
});

/** A job that the gateway accepted so many minutes ago. */
async function submitted(more: Partial<Job> = {}, minutesAgo = 0): Promise<Job> {
  await fetch(`${gateway.url}/bria-rmbg-2-0-682/v1/bria-rmbg-2-0-request`, {
    method: 'POST',
    headers: { 'ocp-apim-subscription-key': 'good-key', 'content-type': 'application/json' },
    body: '{"image_url":"https://uploads.example/cat.jpg"}',
  });
  return {
    execution: 'cat-0123',
    source: { bucket: 'uploads', key: 'cat.jpg', versionId: 'v1', etag: 'abc' },
    submission: 1,
    submissionId: 'cat-0123#1',
    requestId: gateway.submissions.at(-1)?.requestId ?? null,
    submittedAt: new Date(Date.now() - minutesAgo * 60_000).toISOString(),
    status: 'QUEUED',
    waitSeconds: 5,
    ...more,
  };
}

/** The same, ended so. */
async function ended(outcome: Exclude<JobOutcome, 'NEVER'>, more: Partial<Job> = {}, minutesAgo = 0): Promise<Job> {
  const job = await submitted(more, minutesAgo);
  await gateway.finish(job.requestId ?? '', outcome);
  return job;
}

describe('a job that is done', () => {
  it('goes on with the URLs of its results', async () => {
    const mediaUrls = ['https://pub-1.r2.dev/output.png', 'https://pub-1.r2.dev/output-2.png'];
    const job = await ended({ mediaUrls });

    const completedAt = gateway.job(job.requestId ?? '')?.completed_at;
    expect(await checkStatus(job)).toEqual({ ...job, status: 'COMPLETED', mediaUrls, completedAt });
  });

  it.each([
    ['nothing', null],
    ['no time', 'soon'],
    ['a time to come', new Date(Date.now() + 3_600_000).toISOString()],
  ])('is completed by now at the latest if the gateway says %s of when', async (_, completed_at) => {
    const job = await ended({ mediaUrls: ['https://pub-1.r2.dev/output.png'] });
    gateway.nextStatuses({ document: { completed_at } });
    const before = Date.now();

    const { completedAt = '' } = await checkStatus(job);
    expect(Date.parse(completedAt)).toBeGreaterThanOrEqual(before);
    expect(Date.parse(completedAt)).toBeLessThanOrEqual(Date.now());
  });

  it('is done also if its time is up', async () => {
    const job = await ended({ mediaUrls: ['https://pub-1.r2.dev/output.png'] }, {}, TIMEOUT_MINUTES + 5);
    expect(await checkStatus(job)).toMatchObject({ status: 'COMPLETED' });
  });

  it('is not asked about if nothing was submitted', async () => {
    const job = await submitted({ requestId: null, status: 'SUPERSEDED' });
    const before = gateway.statusRequests.length;

    expect(await checkStatus(job)).toEqual(job);
    expect(gateway.statusRequests).toHaveLength(before);
  });
});

describe('a job that went wrong', () => {
  it('fails, when FAILED, with the reason and the remedy', async () => {
    const job = await ended('FAILED');
    const error = await failureOf(checkStatus(job));

    expect(error.name).toBe('RemovalFailed');
    expect(error.message).toBe(
      'The gateway could not remove the background: The model could not process the image ' +
        `(request ${job.requestId}). Redriving cannot help; look at the picture and upload it again.`,
    );
  });

  it('is submitted again after an ERROR, three times in all', async () => {
    for (const submission of [1, 2]) {
      expect(await checkStatus(await ended('ERROR', { submission }))).toMatchObject({ status: 'ERROR', submission });
    }
    const error = await failureOf(checkStatus(await ended('ERROR', { submission: 3 })));
    expect(error.name).toBe('RemovalError');
    expect(error.message).toContain('system error with all 3 submissions: Internal system error');
  });

  it('has not been redriven where the interpreter of the definition has null for the number of redrives', async () => {
    expect(await checkStatus(await ended('ERROR', { submission: 2 }), null)).toMatchObject({ status: 'ERROR' });
    const error = await failureOf(checkStatus(await ended('ERROR', { submission: 3 }), null));
    expect(error.name).toBe('RemovalError');
  });

  it('may be submitted three times more after each redrive', async () => {
    const third = await ended('ERROR', { submission: 3 });
    expect(await checkStatus(third, 1)).toMatchObject({ status: 'ERROR' });

    const sixth = await ended('ERROR', { submission: 6 });
    expect((await failureOf(checkStatus(sixth, 1))).name).toBe('RemovalError');
    expect(await checkStatus(sixth, 2)).toMatchObject({ status: 'ERROR' });
  });
});

describe('a job that is still working', () => {
  it('is polled again, the later the older it is', async () => {
    const job = await submitted();
    expect(await checkStatus(job)).toEqual({ ...job, status: 'QUEUED', waitSeconds: 5 });
    expect(await checkStatus(await submitted({}, 14))).toMatchObject({ waitSeconds: 30 });
  });

  it('is one whose status the documentation does not list', async () => {
    gateway.nextStatuses({ document: { status: 'ON_HOLD' } });
    expect(await checkStatus(await submitted())).toMatchObject({ status: 'UNKNOWN', waitSeconds: 5 });
  });

  it.each([{ media_url: [] }, { media_url: null }, {}, null])(
    'is one that is COMPLETED and has the output %j, until the result is there or its time is up',
    async (output) => {
      const job = await ended({ mediaUrls: ['https://pub-1.r2.dev/output.png'] });
      gateway.nextStatuses({ document: { output } });
      expect(await checkStatus(job)).toEqual({ ...job, status: 'PROCESSING', waitSeconds: 5 });
      expect(await checkStatus(job)).toMatchObject({ status: 'COMPLETED' });

      gateway.nextStatuses({ document: { output } });
      const old = { ...job, submittedAt: new Date(Date.now() - (TIMEOUT_MINUTES + 1) * 60_000).toISOString() };
      const error = await failureOf(checkStatus(old));
      expect(error.name).toBe('JobTimedOut');
      expect(error.message).toContain('was still COMPLETED without a result');
    },
  );

  it.each(['SUPERSEDED', `https://example.com/?token=secret`, 'x'.repeat(100_000)])(
    'is one whose status %.30s would mean something to the state machine, or does not belong in its state',
    async (status) => {
      gateway.nextStatuses({ document: { status } });
      const job = await submitted();
      expect(await checkStatus(job)).toEqual({ ...job, status: 'UNKNOWN' });
    },
  );

  it.each([{ status: 429 }, { status: 500 }, { status: 503 }, 'reset', 'html', { document: { request_id: 'other' } }])(
    'is one about which the gateway answers %j',
    async (behaviour) => {
      const job = await submitted();
      gateway.nextStatuses(behaviour as Parameters<typeof gateway.nextStatuses>[0]);
      expect(await checkStatus(job)).toEqual({ ...job, status: 'UNKNOWN' });
      expect(await checkStatus(job)).toEqual({ ...job, status: 'QUEUED' });
    },
  );

  it('is not polled again sooner than the gateway says', async () => {
    gateway.nextStatuses({ status: 429, headers: { 'retry-after': '90' } });
    expect(await checkStatus(await submitted())).toMatchObject({ waitSeconds: 90 });
  });

  it('is one the gateway does not know yet, for two minutes', async () => {
    expect(await checkStatus(await submitted({ requestId: 'unknown' }, 1))).toMatchObject({ status: 'UNKNOWN' });
    const error = await failureOf(checkStatus(await submitted({ requestId: 'unknown' }, 3)));
    expect(error.name).toBe('NotFound');
  });

  it('has timed out when its time is up', async () => {
    const job = await submitted({}, TIMEOUT_MINUTES + 1);
    const error = await failureOf(checkStatus(job));

    expect(error.name).toBe('JobTimedOut');
    expect(error.message).toContain(`Request ${job.requestId} was still QUEUED 61 min after acceptance`);
  });
});

describe('polling', () => {
  it.each([
    [400, 'BadRequest'],
    [402, 'InsufficientBalance'],
    [403, 'Forbidden'],
  ])('fails when it is answered %i: a person must do something', async (status, name) => {
    const job = await submitted();
    gateway.nextStatuses({ status });
    expect((await failureOf(checkStatus(job))).name).toBe(name);
  });

  it('goes on with a rotated key', async () => {
    const job = await submitted();
    gateway.apiKeys.clear();
    gateway.apiKeys.add('rotated-key');
    expect((await failureOf(checkStatus(job))).name).toBe('Unauthorized');

    secrets.put(SECRET, 'rotated-key');
    expect(await checkStatus(job)).toMatchObject({ status: 'QUEUED' });
  });

  it('fails without a usable key, which it does not send', async () => {
    const job = await submitted();
    gateway.apiKeys.clear();
    for (const [text, said] of [
      ['', 'is empty'],
      [' \n', 'is empty'],
      ['{"api_key":"good-key","database_password":"hunter2"}', 'holds JSON: store the key as plain text'],
      ['["good-key"]', 'holds JSON'],
      ['"good-key"', 'holds JSON'],
      ['good key', 'holds characters that no API key has'],
    ] as const) {
      secrets.put(SECRET, text);
      const asked = gateway.statusRequests.length;
      const error = await failureOf(checkStatus(job));
      expect(error.name).toBe('ApiKeyNotSet');
      expect(error.message).toContain(said);
      expect(error.message).not.toContain('hunter2');
      expect(
        gateway.statusRequests.slice(asked).map(({ headers }) => headers['ocp-apim-subscription-key']),
      ).not.toContain(text);
    }
  });

  it('fails with what is no job', async () => {
    const job = await submitted();
    expect((await failureOf(checkStatus({ ...job, requestId: '../../secrets' }))).name).toBe('InvalidInput');
  });
});
