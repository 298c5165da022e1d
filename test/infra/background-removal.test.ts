import { App, Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import type { OnEventOptions } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import { AccountRootPrincipal, Role } from 'aws-cdk-lib/aws-iam';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { describe, expect, it } from 'vitest';
import { BackgroundRemoval } from '../../infra/background-removal.ts';
import { matches } from '../../local/event-pattern.ts';
import { flat, grantsOf, patternOf, resource } from './read-template.ts';

const stack = new Stack(new App(), 'Shop');
const removal = new BackgroundRemoval(stack, 'BackgroundRemoval');
const role = new Role(stack, 'Caller', { assumedBy: new AccountRootPrincipal() });
removal.grantStart(role);
const target = new SqsQueue(new Queue(stack, 'Jobs'));
removal.onDelivered('Delivered', { target, description: 'To the shop' });
removal.onFailed('Failed');
const narrowed: Record<string, OnEventOptions['eventPattern']> = {
  Broke: { detail: { error: ['InsufficientBalance'] } },
  Slow: { detail: { status: ['TIMED_OUT'] } },
};
for (const [id, eventPattern] of Object.entries(narrowed)) removal.onFailed(id, { eventPattern });
removal.onDelivered('Cats', { eventPattern: { detail: { input: [{ wildcard: '*"key":"cats/*' }] } } });

/** What may be said of which objects are uploads. */
const FILTERS = {
  All: {},
  Prefix: { uploadsPrefix: 'photos/' },
  Suffixes: { uploadsSuffixes: ['.jpg', '.png'] },
  Both: { uploadsPrefix: 'photos/', uploadsSuffixes: ['.jpg', '.png'] },
  Alike: { uploadsPrefix: 'a.jpg', uploadsSuffixes: ['.jpg'] },
};
type Filter = keyof typeof FILTERS;
const bucketOf = (filter: string) => `images-of-${filter.toLowerCase()}`;

for (const [id, filter] of Object.entries(FILTERS)) {
  const uploads = Bucket.fromBucketName(stack, `Images of ${id}`, bucketOf(id));
  new BackgroundRemoval(stack, id, { uploads, ...filter });
}
const template = Template.fromStack(stack);

interface Ended {
  key?: string;
  status?: 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED' | 'RUNNING';
  output?: 'DELIVERED' | 'SUPERSEDED';
  error?: string;
  machine?: string;
}

/** Step Functions' event for an execution that has ended, or begun. */
function statusChange({
  key = 'cat.jpg',
  status = 'SUCCEEDED',
  output = 'DELIVERED',
  error = 'RemovalFailed',
  machine = '<WorkflowStateMachine>',
}: Ended) {
  const source = { bucket: 'uploads', key, versionId: 'v1', etag: 'e1' };
  const results = [{ bucket: 'results', key: `${key}.png`, contentType: 'image/png', bytes: 7 }];
  const failed = status === 'FAILED';
  return {
    version: '0',
    id: '315c1398-40ff-a850-213b-158f73e60175',
    'detail-type': 'Step Functions Execution Status Change',
    source: 'aws.states',
    account: '111122223333',
    time: '2026-01-01T00:00:00Z',
    region: 'eu-west-1',
    resources: ['arn:execution'],
    detail: {
      executionArn: 'arn:execution',
      stateMachineArn: machine,
      name: 'cat',
      status,
      startDate: 1767225600000,
      stopDate: 1767225610000,
      input: JSON.stringify(source),
      inputDetails: { included: true },
      output: status === 'SUCCEEDED' ? JSON.stringify({ status: output, requestId: 'r-1', source, results }) : null,
      outputDetails: { included: true },
      error: failed ? error : null,
      cause: failed ? 'No' : null,
    },
  };
}

const isMatch = (rule: string, ended: Ended) => matches(patternOf(template, rule), statusChange(ended));

describe('grantStart', () => {
  it('lets a principal start executions of the state machine, and do nothing else', () => {
    expect(grantsOf(template, 'Caller')).toEqual([
      { action: 'states:StartExecution', resource: '<WorkflowStateMachine>' },
    ]);
  });
});

describe('onDelivered', () => {
  it.each<[string, Ended]>([
    ['an image that was delivered', {}],
    ['one whose key looks like another status', { key: '"status":"SUPERSEDED"' }],
  ])('tells of %s', (_, ended) => expect(isMatch('Delivered', ended)).toBe(true));

  it.each<[string, Ended]>([
    ['one that was overwritten meanwhile', { output: 'SUPERSEDED' }],
    ['one that failed', { status: 'FAILED' }],
    ['one that is under way', { status: 'RUNNING' }],
    ['the execution of another state machine', { machine: 'arn:aws:states:eu-west-1:111122223333:stateMachine:Other' }],
    ['a backfill', { machine: '<BackfillStateMachine>' }],
  ])('does not tell of %s', (_, ended) => expect(isMatch('Delivered', ended)).toBe(false));

  it('is narrowed by a pattern of the caller', () => {
    expect(isMatch('Cats', { key: 'cats/tom.jpg' })).toBe(true);
    expect(isMatch('Cats', { key: 'dogs/tom.jpg' })).toBe(false);
    expect(isMatch('Cats', { key: 'cats/tom.jpg', output: 'SUPERSEDED' })).toBe(false);
  });

  it('passes on target and description', () => {
    const { Targets, Description } = resource(template, 'AWS::Events::Rule', 'Delivered').Properties;
    expect(Targets.map(({ Arn }: { Arn: string }) => flat(Arn))).toEqual(['<Jobs.Arn>']);
    expect(Description).toBe('To the shop');
  });
});

describe('onFailed', () => {
  it.each(['FAILED', 'TIMED_OUT', 'ABORTED'] as const)('tells of an execution that ended as %s', (status) => {
    expect(isMatch('Failed', { status })).toBe(true);
  });

  it.each<Ended>([
    { status: 'SUCCEEDED' },
    { status: 'SUCCEEDED', output: 'SUPERSEDED' },
    { status: 'RUNNING' },
    { status: 'FAILED', machine: '<BackfillStateMachine>' },
  ])('does not tell of %j', (ended) => expect(isMatch('Failed', ended)).toBe(false));

  it('is narrowed by a pattern of the caller', () => {
    expect(isMatch('Broke', { status: 'FAILED', error: 'InsufficientBalance' })).toBe(true);
    expect(isMatch('Broke', { status: 'FAILED', error: 'NotAnImage' })).toBe(false);
    expect(isMatch('Broke', { status: 'TIMED_OUT' })).toBe(false);
  });

  it('is narrowed to one of its own statuses, too', () => {
    expect(isMatch('Slow', { status: 'TIMED_OUT' })).toBe(true);
    expect(isMatch('Slow', { status: 'FAILED' })).toBe(false);
  });
});

describe('the metrics', () => {
  const service = resource(template, 'AWS::Lambda::Function', 'WorkflowSubmit').Properties.Environment.Variables
    .POWERTOOLS_SERVICE_NAME;

  it.each([
    ['Uploads', removal.metricUploads()],
    ['Submissions', removal.metricSubmissions()],
    ['Delivered', removal.metricDelivered()],
    ['Superseded', removal.metricSuperseded()],
    ['Refused', removal.metric('Refused')],
  ])('count %s, in sums over five minutes, of this deployment', (metricName, metric) => {
    expect(metric).toMatchObject({ namespace: 'Cutout', metricName, dimensions: { service }, statistic: 'Sum' });
    expect(metric.period.toMinutes()).toBe(5);
  });

  it('have the time from upload to cutout as its 95th percentile', () => {
    const metric = removal.metricUploadToCutout();
    expect(metric).toMatchObject({ metricName: 'UploadToCutout', dimensions: { service }, statistic: 'p95' });
    expect(removal.metricUploadToCutout({ statistic: 'p50' }).statistic).toBe('p50');
  });

  it('take options, which leave the deployment in its place', () => {
    const options = { statistic: 'Average', period: Duration.hours(1), label: 'Cutouts', dimensionsMap: { also: 'x' } };
    const metric = removal.metricDelivered(options);
    expect(metric).toMatchObject({ statistic: 'Average', label: 'Cutouts', dimensions: { service, also: 'x' } });
    expect(metric.period.toHours()).toBe(1);
  });

  it('count failures as Step Functions does, or those of one error as report-failure does', () => {
    const all = removal.metricFailed();
    expect(all).toMatchObject({ namespace: 'AWS/States', metricName: 'ExecutionsFailed', statistic: 'Sum' });
    expect(flat(stack.resolve(all.dimensions?.StateMachineArn))).toBe('<WorkflowStateMachine>');
    const one = removal.metricFailed('NotAnImage', { period: Duration.hours(1) });
    expect(one).toMatchObject({
      namespace: 'Cutout',
      metricName: 'Failed',
      dimensions: { service, error: 'NotAnImage' },
    });
    expect(one.period.toHours()).toBe(1);
    expect(removal.metricFailed(undefined, { period: Duration.hours(1) }).period.toHours()).toBe(1);
  });
});

interface Upload {
  bucket?: string;
  key: string;
  type?: string;
}

/** Whether EventBridge's event for an object that was created is taken for an upload, by the rule and by on-upload. */
function isUpload(filter: Filter, { bucket = bucketOf(filter), key, type = 'Object Created' }: Upload): boolean {
  const { Variables } = resource(template, 'AWS::Lambda::Function', `${filter}IntakeOnUpload`).Properties.Environment;
  const suffixes: string[] = Variables.UPLOADS_SUFFIXES.split(',');
  const isQueued = matches(patternOf(template, `${filter}IntakeRule`), {
    version: '0',
    id: '17793124-05d4-b198-2fde-7ededc63b103',
    'detail-type': type,
    source: 'aws.s3',
    account: '111122223333',
    time: '2026-01-01T00:00:00Z',
    region: 'eu-west-1',
    resources: [`arn:aws:s3:::${bucket}`],
    detail: {
      version: '0',
      bucket: { name: bucket },
      object: { key, size: 5, etag: 'b1946ac92492d2347c6235b4d2611184', 'version-id': 'v1', sequencer: '00A1' },
      'request-id': 'N4N7GDK58NMKJ12R',
      requester: '111122223333',
      reason: 'PutObject',
    },
  });
  return isQueued && suffixes.some((suffix) => key.endsWith(suffix));
}

describe('what is taken for an upload', () => {
  it.each<[Filter, string[], string[]]>([
    ['All', ['cat.jpg', 'photos/cat.txt', 'photos/'], []],
    ['Prefix', ['photos/cat.jpg', 'photos/2024/cat'], ['cat.jpg', 'Photos/cat.jpg', 'my/photos/cat.jpg', 'photos']],
    ['Suffixes', ['cat.jpg', 'photos/cat.png'], ['cat.JPG', 'cat.jpg.txt', 'cat.jpeg', 'jpg']],
    [
      'Both',
      ['photos/cat.jpg', 'photos/2024/a.b/cat.png', 'photos/.jpg'],
      ['cat.jpg', 'photos/cat.JPG', 'photos/cat.gif', 'Photos/cat.jpg', 'my/photos/cat.jpg', 'photos/cat.jpg/x'],
    ],
  ])('is told by prefix and suffixes (%s)', (filter, uploads, others) => {
    expect(uploads.filter((key) => !isUpload(filter, { key }))).toEqual([]);
    expect(others.filter((key) => isUpload(filter, { key }))).toEqual([]);
  });

  it.each(['a.jpg', 'a.jpg.jpg', 'a.jpg/b.jpg'])(
    'is also a key whose prefix is part of its suffix, as a backfill has it: %s',
    (key) => expect(isUpload('Alike', { key })).toBe(true),
  );

  it('is neither an object of another bucket nor one that was deleted', () => {
    expect(isUpload('Both', { key: 'photos/cat.jpg' })).toBe(true);
    expect(isUpload('Both', { key: 'photos/cat.jpg', bucket: 'images-of-both2' })).toBe(false);
    expect(isUpload('Both', { key: 'photos/cat.jpg', type: 'Object Deleted' })).toBe(false);
  });
});
