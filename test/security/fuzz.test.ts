import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import type { LambdaFunctionURLEvent, SQSRecord } from 'aws-lambda';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseBackfillInput } from '../../functions/backfill/contract.ts';
import { callbackUrl, parseCallbackPath } from '../../functions/callbacks/table.ts';
import { isError, isErrorName } from '../../functions/errors.ts';
import { Gateway } from '../../functions/gateway/client.ts';
import { firstSubmission, resultKeyOf } from '../../functions/input.ts';
import { type AwsApi, AwsError, serveAwsApi } from '../../local/aws-api.ts';
import { LocalS3 } from '../../local/s3.ts';
import { CONTEXT, setEnvironment } from '../functions/invocation.ts';
import { almost, SIGNATURE, SIGNED_URL, seed, textOf } from './hostile.ts';

/**
 * What comes from outside may be anything. Whoever reads it answers, or fails by a name of ours, which the state machine's
 * Retry table knows; and says nothing of a secret in doing so.
 */

const API_KEY = 'planted+key/0123456789';
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

function check<T>(numRuns: number, values: fc.Arbitrary<T>, property: (value: T) => Promise<unknown>): Promise<void> {
  return fc.assert(
    fc.asyncProperty(values, async (value) => void (await property(value))),
    { seed, numRuns },
  );
}

/** What `work` comes to: a value, or an error that has a name of ours and keeps secrets. */
async function outcomeOf<T>(work: () => T | Promise<T>): Promise<{ value: T } | { error: Error }> {
  try {
    return { value: await work() };
  } catch (error) {
    const { name, message } = error as Error;
    expect(isErrorName(name), `${name}: ${message}`).toBe(true);
    expect(message).not.toContain(SIGNATURE);
    expect(message).not.toContain(API_KEY);
    expect(message.length).toBeLessThan(20_000);
    return { error: error as Error };
  }
}

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

describe('the answer of the gateway', () => {
  /** What the next connection is answered, to the byte. */
  let answer: Buffer;
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(answer));
  });
  let gateway: Gateway;
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    gateway = new Gateway({ url, apiKey: async () => API_KEY, timeoutMs: 2_000 });
  });
  afterAll(() => server.close());

  const document = almost({
    request_id: fc.constantFrom('bria-1', 'bria-1', 'bria-2', '..'),
    status: fc.constantFrom('QUEUED', 'COMPLETED', 'FAILED', 'ERROR', SIGNED_URL, API_KEY),
    error: fc.constantFrom(null, `key ${API_KEY} of ${SIGNED_URL}`, { key: API_KEY }, [[SIGNED_URL]]),
    message: fc.constantFrom('Not found', `Cannot GET ${SIGNED_URL} with ${API_KEY}`),
    output: almost({ media_url: fc.constantFrom([], SIGNED_URL, [SIGNED_URL]), media_type: fc.string() }),
    completed_at: fc.string(),
  });
  const oddHeaders = fc.array(
    fc.constantFrom(
      'content-type: application/json',
      `content-type: text/${API_KEY}`,
      'content-type: \0',
      'content-encoding: gzip',
      'content-encoding: nothing',
      'content-length: 5',
      'content-length: -1',
      'transfer-encoding: chunked',
      `location: https://127.0.0.1:1/${API_KEY}`,
      'retry-after: 5',
      `retry-after: ${'9'.repeat(400)}`,
      'retry-after: Fri, 31 Dec 9999 23:59:59 GMT',
      'retry-after: soon',
      `x: ${'x'.repeat(20_000)}`,
      'no header',
    ),
    { maxLength: 3 },
  );
  const headers = fc.oneof<fc.Arbitrary<string[]>[]>(fc.constant(['content-type: application/json']), oddHeaders);
  const statuses = fc.oneof(
    { weight: 2, arbitrary: fc.constantFrom(200, 202) },
    fc.constantFrom(400, 401, 402, 403, 404, 429, 500, 503),
    fc.integer({ min: 0, max: 1000 }),
  );
  const nested = fc
    .integer({ min: 1, max: 60_000 })
    .map((depth) => `{"request_id":"bria-1","status":"FAILED","error":${'['.repeat(depth)}${']'.repeat(depth)}}`);
  const bodies = fc.oneof(
    { weight: 8, arbitrary: textOf(document) },
    { weight: 2, arbitrary: nested },
    fc.uint8Array(),
    fc.constant('"x'.repeat(150_000)),
  );
  const http = fc.record({ status: statuses, headers, body: bodies });
  const answers = fc.oneof({ weight: 20, arbitrary: http }, fc.uint8Array());

  /** What stands on the wire. */
  function wire(answered: Uint8Array | { status: number; headers: string[]; body: string | Uint8Array }): Buffer {
    if (answered instanceof Uint8Array) return Buffer.from(answered);
    const head = [`HTTP/1.1 ${answered.status} Whatever`, ...answered.headers].join('\r\n');
    return Buffer.concat([Buffer.from(`${head}\r\n\r\n`), Buffer.from(answered.body)]);
  }

  it('to a submission is a request id, or an error of the table', async () => {
    let accepted = 0;
    await check(500, answers, async (answered) => {
      answer = wire(answered);
      const webhookUrl = `https://callbacks.example/cat/${SIGNATURE}`;
      const outcome = await outcomeOf(() => gateway.submit(SIGNED_URL, { webhookUrl }));
      if ('error' in outcome) return expect(isError(outcome.error)).toBe(true);
      accepted++;
      expect(outcome.value.requestId).toMatch(/^[A-Za-z0-9._-]{1,200}$/);
    });
    expect(accepted, 'submissions that were accepted').toBeGreaterThan(20);
  });

  it('to the question for a status is a status of that request, or an error of the table', async () => {
    let known = 0;
    await check(500, answers, async (answered) => {
      answer = wire(answered);
      const outcome = await outcomeOf(() => gateway.status('bria-1'));
      if ('error' in outcome) return expect(isError(outcome.error)).toBe(true);
      known++;
      const { requestId, status, error = '', mediaUrls } = outcome.value;
      expect(requestId).toBe('bria-1');
      expect(status).not.toContain(API_KEY);
      expect(error).not.toMatch(new RegExp(`${SIGNATURE}|planted\\+key`));
      expect(mediaUrls.every((url) => typeof url === 'string')).toBe(true);
    });
    expect(known, 'statuses that were known').toBeGreaterThan(20);
  });
});
