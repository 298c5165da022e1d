import type { LambdaFunctionURLEvent, SQSRecord } from 'aws-lambda';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseBackfillInput } from '../../functions/backfill/contract.ts';
import { callbackUrl, parseCallbackPath } from '../../functions/callbacks/table.ts';
import { firstSubmission, resultKeyOf } from '../../functions/input.ts';
import { type AwsApi, AwsError, serveAwsApi } from '../../local/aws-api.ts';
import { LocalS3 } from '../../local/s3.ts';
import { CONTEXT, setEnvironment } from '../functions/invocation.ts';
import { check, outcomeOf } from './fuzzing.ts';
import { API_KEY, almost, SIGNED_URL, textOf } from './hostile.ts';

/**
 * What comes from outside may be anything. Whoever reads it answers, or fails by a name of ours, which the state machine's
 * Retry table knows; and says nothing of a secret in doing so.
 */

const STATE_MACHINE = 'arn:aws:states:us-east-1:111122223333:stateMachine:Cutout';
const BUCKETS = { uploadsBucket: 'uploads', uploadsPrefix: 'in/', resultsBucket: 'results', resultsPrefix: 'out/' };

let aws: AwsApi;
let s3: LocalS3;
/** Names and inputs of the executions that were started. */
const started: { name: string; input: string }[] = [];
/** Updates of the table of callbacks; its one record has this capability. */
const CAPABILITY = 'c'.repeat(43);
let woken = 0;

beforeAll(async () => {
  aws = await serveAwsApi({
    'AWSStepFunctions.StartExecution': ({ name, input }) => {
      started.push({ name, input });
      return { executionArn: `${STATE_MACHINE}:${name}`, startDate: 0 };
    },
    'AWSStepFunctions.SendTaskSuccess': () => {
      woken++;
      return {};
    },
    'DynamoDB_20120810.UpdateItem': ({ Key, ExpressionAttributeValues: values }) => {
      const isIts = Key.submission.S === 'cat#1' && values[':capability'].S === CAPABILITY;
      if (!isIts) throw new AwsError('ConditionalCheckFailedException', 'The conditional request failed');
      return { Attributes: { capability: { S: CAPABILITY }, taskToken: { S: 'token' } } };
    },
    'secretsmanager.GetSecretValue': () => ({ SecretString: API_KEY }),
  });
  s3 = await LocalS3.start({
    buckets: { uploads: { versioned: true }, results: { versioned: true } },
    credentials: { AKIALOCAL: 'secret' },
  });
  setEnvironment({
    STATE_MACHINE_ARN: STATE_MACHINE,
    UPLOADS_BUCKET: BUCKETS.uploadsBucket,
    UPLOADS_PREFIX: BUCKETS.uploadsPrefix,
    UPLOADS_SUFFIXES: '',
    RESULTS_BUCKET: BUCKETS.resultsBucket,
    RESULTS_PREFIX: BUCKETS.resultsPrefix,
    GATEWAY_URL: 'https://127.0.0.1:1',
    API_KEY_SECRET_ARN: 'arn:aws:secretsmanager:us-east-1:111122223333:secret:key',
    TIMEOUT_MINUTES: '30',
    EXPECTED_SECONDS: '5',
    IMAGE_FORMATS: 'jpeg,png,webp',
    MAX_MEGAPIXELS: '100',
    CALLBACK_TABLE: 'callbacks',
    CALLBACK_URL: 'https://callbacks.example/',
    AWS_ENDPOINT_URL_SFN: aws.url,
    AWS_ENDPOINT_URL_DYNAMODB: aws.url,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: aws.url,
    AWS_ENDPOINT_URL_S3: s3.url,
    AWS_MAX_ATTEMPTS: '1',
    MS_PER_UPLOAD: '0',
    POWERTOOLS_METRICS_DISABLED: 'true',
  });
});
afterAll(() => Promise.all([aws?.close(), s3?.close()]));

const key = fc.string({ minLength: 1, maxLength: 30 }).map((name) => `in/${name}`);

describe('a callback', () => {
  it('is answered whatever it is, and wakes only with its capability', async () => {
    const { handler } = await import('../../functions/on-callback.ts');
    const rightPath = new URL(callbackUrl('https://callbacks.example/', 'cat#1', CAPABILITY)).pathname;
    const paths = fc.oneof(
      fc.constant(rightPath),
      fc.string().map((text) => `/${text}`),
      fc.tuple(fc.base64String(), fc.base64String()).map((parts) => `/${parts.join('/')}`),
      fc.string({ unit: 'binary' }).map((name) => callbackUrl('', name, CAPABILITY)),
    );
    const bodies = textOf(almost({ request_id: fc.constantFrom('bria-1', '../..'), status: fc.string() }));
    const calls = fc.record({
      method: fc.constantFrom('POST', 'POST', 'POST', 'GET', 'PUT', '__proto__', ''),
      rawPath: paths,
      // Lambda makes Base64 of what is no text, and leaves an empty body out; nobody else says which it is.
      body: fc.oneof(bodies, fc.constant('x'.repeat(6_000_000)), fc.constant(undefined)),
      isBase64Encoded: fc.boolean(),
      headers: fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 }),
    });
    await check(300, calls, async ({ method, rawPath, body, isBase64Encoded, headers }) => {
      const before = woken;
      const event = { requestContext: { http: { method } }, rawPath, body, isBase64Encoded, headers };
      const { statusCode } = await handler(event as unknown as LambdaFunctionURLEvent, CONTEXT);
      const isRight = method === 'POST' && rawPath === rightPath;
      expect(statusCode).toBe(method !== 'POST' ? 405 : isRight ? 204 : 404);
      expect(woken - before).toBe(isRight ? 1 : 0);
    });
  });

  it('has a path that names the submission it was made for, or none', () =>
    check(300, fc.string({ unit: 'binary', minLength: 1, maxLength: 80 }), async (submission) => {
      const { pathname } = new URL(callbackUrl('https://callbacks.example/', submission, CAPABILITY));
      const named = parseCallbackPath(pathname)?.submission;
      expect([Buffer.from(submission).toString(), undefined]).toContain(named);
    }));
});

describe('an upload event', () => {
  it('starts an execution with a name that Step Functions takes, or goes back to the queue, alone', async () => {
    const { handler } = await import('../../functions/on-upload.ts');
    const object = almost({ key, etag: fc.string(), 'version-id': fc.string(), sequencer: fc.string() });
    const detail = almost({ bucket: almost({ name: fc.constant('uploads') }), object });
    const bodies = fc.array(textOf(almost({ detail })), { minLength: 1, maxLength: 5 });
    let claimed = 0;
    await check(200, bodies, async (batch) => {
      started.length = 0;
      const records = batch.map((body, index) => ({ messageId: `m${index}`, body }) as SQSRecord);
      const { batchItemFailures } = await handler({ Records: records }, CONTEXT);
      const ids = batchItemFailures.map(({ itemIdentifier }) => itemIdentifier);
      expect(records.map(({ messageId }) => messageId)).toEqual(expect.arrayContaining(ids));
      // Folder markers do neither.
      expect(started.length + ids.length).toBeLessThanOrEqual(batch.length);
      for (const { name, input } of started) {
        expect(name).toMatch(/^[A-Za-z0-9_-]{1,80}$/);
        const { bucket, key, ...others } = JSON.parse(input);
        expect([typeof bucket, typeof key]).toEqual(['string', 'string']);
        for (const field of Object.keys(others)) expect(['versionId', 'etag']).toContain(field);
      }
      claimed += started.length;
    });
    expect(claimed, 'executions that were started').toBeGreaterThan(20);
  });
});

describe('the input of an execution', () => {
  const objectInput = almost({ bucket: fc.constant('uploads'), key, versionId: fc.string(), etag: fc.string() });
  const urlInput = almost({
    imageUrl: fc.constantFrom(SIGNED_URL, 'ftp://a/b', 'http:', '//x'),
    resultKey: fc.string(),
  });

  it('is a submission whose result stays within its prefix, or InvalidInput', async () => {
    let accepted = 0;
    await check(1000, fc.oneof(objectInput, urlInput), async (input) => {
      const outcome = await outcomeOf(() => firstSubmission(input, BUCKETS));
      if ('error' in outcome) return expect(outcome.error.name).toBe('InvalidInput');
      accepted++;
      const resultKey = resultKeyOf(outcome.value, BUCKETS);
      expect(resultKey).toMatch(/^out\//);
      expect(Buffer.byteLength(resultKey)).toBeLessThan(1024);
    });
    expect(accepted, 'inputs that were accepted').toBeGreaterThan(50);
  });

  it('fails in Submit by a name of ours, also if it looks like the state of an execution', async () => {
    const { handler } = await import('../../functions/submit.ts');
    const job = almost({
      execution: fc.constant('cat'),
      source: fc.oneof(objectInput, almost({ imageUrl: fc.constant(SIGNED_URL) })),
      givenKey: key,
      submission: fc.integer(),
      requestId: fc.constant('bria-1'),
      submittedAt: fc.constant('2026-01-01T00:00:00.000Z'),
      status: fc.constant('ERROR'),
    });
    const state = fc.oneof(job, objectInput, urlInput);
    await check(300, almost({ execution: fc.constant('cat'), state }), async (event) => {
      // There is no object, and nobody answers: nothing can succeed.
      expect(await outcomeOf(() => handler(event, CONTEXT))).toHaveProperty('error');
    });
  });
});

describe('the input of a backfill', () => {
  const context = { ...BUCKETS, execution: 'nightly', startedAt: '2026-01-01T00:00:00Z' };

  it('is a backfill within its limits, or InvalidInput', async () => {
    const inputs = almost({
      prefix: key,
      dryRun: fc.boolean(),
      maxImages: fc.integer(),
      maxConcurrency: fc.integer({ min: -1, max: 1100 }),
      toleratedFailurePercentage: fc.integer({ min: -1, max: 101 }),
    });
    let accepted = 0;
    await check(1000, inputs, async (input) => {
      const outcome = await outcomeOf(() => parseBackfillInput(input, context));
      if ('error' in outcome) return expect(outcome.error.name).toBe('InvalidInput');
      accepted++;
      const { prefix, maxImages, maxConcurrency, toleratedFailurePercentage } = outcome.value;
      expect(prefix.startsWith('in/')).toBe(true);
      expect(maxImages === null || (Number.isInteger(maxImages) && maxImages >= 1)).toBe(true);
      expect(maxConcurrency).toSatisfy((limit: number) => limit >= 1 && limit <= 1000);
      expect(toleratedFailurePercentage).toSatisfy((share: number) => share >= 0 && share <= 100);
    });
    expect(accepted, 'inputs that were accepted').toBeGreaterThan(20);
  });

  it('whose items are anything selects nothing that is not there, or fails by a name of ours', async () => {
    const { handler } = await import('../../functions/select-images.ts');
    const items = almost({ Key: fc.oneof(key, fc.string({ unit: 'binary' })), Size: fc.nat() });
    const batch = almost({
      prefix: fc.constant('in/'),
      startedAt: fc.constant('2026-01-01T00:00:00.000Z'),
      retryFailed: fc.boolean(),
    });
    const events = almost({ BatchInput: batch, Items: fc.array(items, { maxLength: 3 }) });
    let looked = 0;
    await check(400, events, async (event) => {
      const outcome = await outcomeOf(() => handler(event, CONTEXT));
      if ('error' in outcome) return;
      looked++;
      expect(outcome.value.images).toEqual([]);
    });
    expect(looked, 'batches that were looked at').toBeGreaterThan(20);
  });
});
