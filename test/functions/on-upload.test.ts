import timers from 'node:timers/promises';
import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type AwsApi, AwsError, serveAwsApi } from '../../local/aws-api.ts';
import { CONTEXT, setEnvironment } from './invocation.ts';

const STATE_MACHINE = 'arn:aws:states:us-east-1:111122223333:stateMachine:Cutout';

/** What was asked of Step Functions. */
interface Start {
  stateMachineArn: string;
  name: string;
  input: string;
}

const started: Start[] = [];
let refusal: AwsError | undefined;
let stepFunctions: AwsApi;
let onUpload: (...bodies: string[]) => Promise<SQSBatchResponse>;

beforeAll(async () => {
  stepFunctions = await serveAwsApi({
    'AWSStepFunctions.StartExecution': (start: Start) => {
      if (refusal !== undefined) throw refusal;
      started.push(start);
      return { executionArn: `${STATE_MACHINE}:${start.name}`, startDate: 0 };
    },
  });
  setEnvironment({
    STATE_MACHINE_ARN: STATE_MACHINE,
    MS_PER_UPLOAD: '0',
    UPLOADS_SUFFIXES: '.jpg,.png',
    AWS_ENDPOINT_URL_SFN: stepFunctions.url,
    AWS_MAX_ATTEMPTS: '1',
  });
  const { handler } = await import('../../functions/on-upload.ts');
  onUpload = (...bodies) => handler({ Records: bodies.map(record) }, CONTEXT);
});

beforeEach(() => {
  started.length = 0;
  refusal = undefined;
});

afterAll(() => stepFunctions.close());

function record(body: string, index: number): SQSRecord {
  return {
    messageId: `message-${index}`,
    receiptHandle: 'handle',
    body,
    attributes: {
      ApproximateReceiveCount: '1',
      SentTimestamp: '0',
      SenderId: 'events',
      ApproximateFirstReceiveTimestamp: '0',
    },
    messageAttributes: {},
    md5OfBody: '',
    eventSource: 'aws:sqs',
    eventSourceARN: 'arn:aws:sqs:us-east-1:111122223333:uploads',
    awsRegion: 'us-east-1',
  };
}

/** EventBridge's event for an upload. */
function objectCreated(key: string, object: object = {}): string {
  return JSON.stringify({
    'detail-type': 'Object Created',
    source: 'aws.s3',
    detail: {
      version: '0',
      bucket: { name: 'uploads' },
      object: { key, size: 7, etag: 'abc', 'version-id': 'v1', sequencer: '00A1', ...object },
      reason: 'PutObject',
    },
  });
}

const inputs = () => started.map(({ input }) => JSON.parse(input));

describe('an upload', () => {
  it('starts an execution for exactly its version, under a name that says what it is', async () => {
    expect(await onUpload(objectCreated('photos/cat.jpg'))).toEqual({ batchItemFailures: [] });

    expect(started).toMatchObject([
      { stateMachineArn: STATE_MACHINE, name: expect.stringMatching(/^photos-cat-jpg-[0-9a-f]{32}$/) },
    ]);
    expect(inputs()).toEqual([{ bucket: 'uploads', key: 'photos/cat.jpg', versionId: 'v1', etag: 'abc' }]);
  });

  it('starts an execution in a bucket without versioning as well', async () => {
    await onUpload(objectCreated('cat.jpg', { 'version-id': undefined }));
    expect(inputs()).toEqual([{ bucket: 'uploads', key: 'cat.jpg', etag: 'abc' }]);
  });

  it('has its key taken as it is: EventBridge does not encode it', async () => {
    await onUpload(objectCreated('a+b%20c 猫.jpg'));
    expect(inputs()).toMatchObject([{ key: 'a+b%20c 猫.jpg' }]);
  });

  it('has the same name however often its event comes, and another version another one', async () => {
    const another = { 'version-id': 'v2', sequencer: '00A2' };
    await onUpload(objectCreated('cat.jpg'), objectCreated('cat.jpg'), objectCreated('cat.jpg', another));

    expect(started[1]?.name).toBe(started[0]?.name);
    expect(started[2]?.name).not.toBe(started[0]?.name);
  });

  it.each([undefined, 'null'])(
    'of the same bytes as before has a name of its own where the version is %s',
    async (version) => {
      const upload = (sequencer: string) => objectCreated('cat.jpg', { 'version-id': version, sequencer });
      await onUpload(upload('00A1'), upload('00A1'), upload('00A2'));

      expect(started[1]?.name).toBe(started[0]?.name);
      expect(started[2]?.name).not.toBe(started[0]?.name);
    },
  );

  it('is taken for claimed if its execution has already ended', async () => {
    refusal = new AwsError('ExecutionAlreadyExists', 'Execution Already Exists');
    expect(await onUpload(objectCreated('cat.jpg'))).toEqual({ batchItemFailures: [] });
  });

  it('is nothing if it is a folder marker', async () => {
    expect(await onUpload(objectCreated('photos/'))).toEqual({ batchItemFailures: [] });
    expect(started).toEqual([]);
  });

  it('is nothing if its key has none of the endings of uploads', async () => {
    const keys = ['cat.gif', 'cat.JPG', 'cat.jpg/x', 'cat.png'];
    expect(await onUpload(...keys.map((key) => objectCreated(key)))).toEqual({ batchItemFailures: [] });
    expect(inputs()).toMatchObject([{ key: 'cat.png' }]);
  });

  it('stays in the queue if its execution cannot be started', async () => {
    refusal = new AwsError('AccessDeniedException', 'No');
    expect(await onUpload(objectCreated('cat.jpg'))).toEqual({ batchItemFailures: [{ itemIdentifier: 'message-0' }] });
  });

  it('is not held up by another message that makes no sense: that one alone stays in the queue', async () => {
    const answer = await onUpload('no JSON', objectCreated('cat.jpg'), '{"detail":{}}', objectCreated('dog.jpg'));

    expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: 'message-0' }, { itemIdentifier: 'message-2' }] });
    expect(inputs()).toMatchObject([{ key: 'cat.jpg' }, { key: 'dog.jpg' }]);
  });
});

describe('a pace', () => {
  it('is kept by an invocation that takes long enough for each of its uploads', async () => {
    const wait = vi.spyOn(timers, 'setTimeout').mockResolvedValue(undefined);
    process.env.MS_PER_UPLOAD = '400';
    vi.resetModules();
    const { handler } = await import('../../functions/on-upload.ts');
    await handler({ Records: ['a.jpg', 'b.jpg', 'c.jpg'].map((key, n) => record(objectCreated(key), n)) }, CONTEXT);
    expect(started).toHaveLength(3);
    expect(wait.mock.calls).toEqual([[1_200]]);
    vi.restoreAllMocks();
  });
});
