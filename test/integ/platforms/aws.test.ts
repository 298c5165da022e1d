import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { clientsFor } from '../target/clients.ts';
import { AwsAccess } from './aws-access.ts';
import { Remains } from './remains.ts';

/**
 * What AWS's own services answer here, as their documentation shows it: none of them runs on this machine. What these tests
 * cannot show is whether AWS answers so.
 */
type Answers = Record<string, (input: string) => object | string | undefined>;

/** Answers that are errors, as XML and as JSON. */
const STACK_MISSING =
  '<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id CutoutInteg does not exist</Message></Error></ErrorResponse>';
const BUCKET_MISSING = '<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>';
const SECRET_MISSING = { __type: 'ResourceNotFoundException', message: "Secrets Manager can't find the secret" };

/** Clients of services that answer so; operations are named as the services name them. Notes what was asked. */
async function clientsThat(answers: Answers) {
  const asked: string[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const operation = operationOf(request, body);
    asked.push(operation);
    const answer = answers[operation]?.(body);
    if (answer === undefined) {
      response.writeHead(403, { 'content-type': 'application/json' });
      return response.end(JSON.stringify({ __type: 'AccessDeniedException', message: 'You may not' }));
    }
    const isXml = typeof answer === 'string';
    const isError = isXml ? /^<Error/.test(answer) : '__type' in answer;
    response.writeHead(isError ? 400 : 200, { 'content-type': isXml ? 'text/xml' : 'application/x-amz-json-1.1' });
    response.end(isXml ? answer : JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const clients = clientsFor({
    ...{ AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x' },
    ...{ AWS_ENDPOINT_URL: url, AWS_ENDPOINT_URL_S3: `${url}/s3` },
  });
  onTestFinished(() => {
    for (const client of Object.values(clients)) client.destroy();
    server.close();
  });
  return { clients, asked };
}

function operationOf({ headers, method, url = '' }: IncomingMessage, body: string): string {
  const target = headers['x-amz-target'];
  if (typeof target === 'string') return target.split('.').at(-1) ?? '';
  if (url.startsWith('/s3'))
    return `S3 ${method} ${url
      .replace(/[?&]x-id=\w+/, '')
      .replace('/?', '?')
      .replace(/[=/]+$/, '')}`;
  return new URLSearchParams(body).get('Action') ?? '';
}

function resources(...rows: [id: string, type: string, physicalId: string, status?: string][]): string {
  const members = rows.map(
    ([id, type, physicalId, status = 'CREATE_COMPLETE']) =>
      `<member><LogicalResourceId>${id}</LogicalResourceId><ResourceType>${type}</ResourceType>` +
      `<PhysicalResourceId>${physicalId}</PhysicalResourceId><ResourceStatus>${status}</ResourceStatus></member>`,
  );
  const summaries = `<StackResourceSummaries>${members.join('')}</StackResourceSummaries>`;
  return `<ListStackResourcesResponse><ListStackResourcesResult>${summaries}</ListStackResourcesResult></ListStackResourcesResponse>`;
}

function stacks(...rows: [name: string, id: string, deletedAt: string][]): string {
  const members = rows.map(
    ([name, id, deletedAt]) =>
      `<member><StackName>${name}</StackName><StackId>${id}</StackId><DeletionTime>${deletedAt}</DeletionTime>` +
      '<CreationTime>2026-11-01T00:00:00Z</CreationTime><StackStatus>DELETE_COMPLETE</StackStatus></member>',
  );
  const summaries = `<StackSummaries>${members.join('')}</StackSummaries>`;
  return `<ListStacksResponse><ListStacksResult>${summaries}</ListStacksResult></ListStacksResponse>`;
}

const MACHINE = 'arn:aws:states:us-east-1:123456789012:stateMachine:CutoutInteg-Main';
const SINCE = new Date('2026-11-27T10:00:00Z');
const REFUSAL = (role: string, action: string) =>
  `User: arn:aws:sts::123456789012:assumed-role/CutoutInteg-${role}-hV4kPq9sTzLm/x is not authorized to perform: ${action} on resource: y`;

describe('what IAM has refused', () => {
  it('is found in the logs of functions, in histories, and in the trail, each with principal and action', async () => {
    const { clients } = await clientsThat({
      ListStackResources: () =>
        resources(
          ['Log', 'AWS::Logs::LogGroup', 'log-group'],
          ['Machine', 'AWS::StepFunctions::StateMachine', MACHINE],
        ),
      FilterLogEvents: () => ({ events: [{ message: REFUSAL('SubmitRole', 's3:GetObject') }] }),
      ListExecutions: () => ({
        executions: [
          { executionArn: `${MACHINE.replace('stateMachine', 'execution')}:a`, startDate: 1.8e9, status: 'FAILED' },
        ],
      }),
      GetExecutionHistory: () => ({
        events: [
          { id: 1, type: 'ExecutionStarted', executionStartedEventDetails: { input: 'AccessDenied' } },
          {
            id: 2,
            type: 'TaskFailed',
            taskFailedEventDetails: { error: 'x', cause: REFUSAL('MachineRole', 'lambda:InvokeFunction') },
          },
        ],
      }),
      LookupEvents: () => ({
        Events: [
          {
            errorCode: 'AccessDenied',
            eventSource: 'kms.amazonaws.com',
            eventName: 'Decrypt',
            role: 'CutoutInteg-DeliverRole-hV4kPq9sTzLm',
          },
          {
            errorCode: 'AccessDenied',
            eventSource: 'ec2.amazonaws.com',
            eventName: 'RunInstances',
            role: 'SomebodyElse',
          },
          { eventSource: 'kms.amazonaws.com', eventName: 'Decrypt', role: 'CutoutInteg-SubmitRole-hV4kPq9sTzLm' },
        ].map(({ role, ...event }) => ({
          CloudTrailEvent: JSON.stringify({
            ...event,
            userIdentity: { arn: `arn:aws:sts::123456789012:assumed-role/${role}/x` },
          }),
        })),
      }),
    });
    const { denials, unseen } = await new AwsAccess(clients).denials(SINCE);
    expect(unseen).toEqual([expect.stringMatching(/^CloudTrail: the last minutes/)]);
    expect(denials.map(({ said: _, ...denial }) => denial)).toEqual(
      expect.arrayContaining([
        { principal: 'CutoutInteg-SubmitRole', action: 's3:GetObject', where: 'function log' },
        { principal: 'CutoutInteg-MachineRole', action: 'lambda:InvokeFunction', where: 'execution history' },
        { principal: 'CutoutInteg-DeliverRole', action: 'kms:Decrypt', where: 'CloudTrail' },
      ]),
    );
    expect(denials).toHaveLength(3);
  });

  it('is told of as unseen beyond 200 failed executions of a state machine, and 40 pages of the trail', async () => {
    const executions = Array.from({ length: 203 }, () => ({ executionArn: 'x', startDate: 1.8e9, status: 'FAILED' }));
    const { clients, asked } = await clientsThat({
      ListStackResources: () => resources(['Machine', 'AWS::StepFunctions::StateMachine', MACHINE]),
      ListExecutions: () => ({ executions }),
      GetExecutionHistory: () => ({ events: [] }),
      LookupEvents: () => ({
        Events: [{ EventTime: Date.parse('2026-11-27T10:30:00Z') / 1000, CloudTrailEvent: '{}' }],
        NextToken: 'more',
      }),
    });
    const { unseen } = await new AwsAccess(clients).denials(SINCE);
    expect(asked.filter((each) => each === 'GetExecutionHistory')).toHaveLength(200);
    expect(asked.filter((each) => each === 'LookupEvents')).toHaveLength(40);
    expect(unseen.sort()).toEqual([
      expect.stringMatching(/^CloudTrail: events before 2026-11-27T10:30:00/),
      expect.stringMatching(/^CloudTrail: the last minutes/),
      'execution histories: 3 of 203 failed executions of CutoutInteg-Main',
    ]);
  });

  it('is told of as unseen where one may not look', async () => {
    const { clients } = await clientsThat({ ListStackResources: () => resources(['Log', 'AWS::Logs::LogGroup', 'x']) });
    const { denials, unseen } = await new AwsAccess(clients).denials(SINCE);
    expect(denials).toEqual([]);
    expect(unseen.sort()).toEqual([
      expect.stringMatching(/^CloudTrail: AWS refuses this to your credentials/),
      expect.stringMatching(/^function logs: AWS refuses this to your credentials/),
    ]);
  });
});

describe('what a stack keeps when it is destroyed', () => {
  const KEPT = resources(
    ['Uploads', 'AWS::S3::Bucket', 'uploads', 'DELETE_SKIPPED'],
    ['ApiKey', 'AWS::SecretsManager::Secret', 'arn:secret', 'DELETE_SKIPPED'],
    ['Key', 'AWS::KMS::Key', 'some-key', 'DELETE_COMPLETE'],
    ['Queue', 'AWS::SQS::Queue', 'queue', 'DELETE_COMPLETE'],
  );

  it('is deleted afterwards, with all versions of all objects and the logs of helpers; a KMS key is said to wait', async () => {
    const version = '<Version><Key>cat.jpg</Key><VersionId>1</VersionId></Version>';
    const marker = '<DeleteMarker><Key>cat.jpg</Key><VersionId>2</VersionId></DeleteMarker>';
    let listed = 0;
    const deleted: string[] = [];
    const { clients, asked } = await clientsThat({
      ListStackResources: () => KEPT,
      'S3 GET /s3/uploads?versions': () =>
        `<ListVersionsResult>${listed++ === 0 ? version + marker : ''}</ListVersionsResult>`,
      'S3 POST /s3/uploads?delete': (body) => {
        deleted.push(...[...body.matchAll(/<VersionId>(\d)<\/VersionId>/g)].map(([, id = '']) => id));
        return '<DeleteResult></DeleteResult>';
      },
      'S3 DELETE /s3/uploads': () => '<x/>',
      DeleteSecret: (body) => {
        expect(JSON.parse(body)).toEqual({ SecretId: 'arn:secret', ForceDeleteWithoutRecovery: true });
        return {};
      },
      DescribeLogGroups: (body) => {
        expect(JSON.parse(body)).toEqual({ logGroupNamePrefix: '/aws/lambda/CutoutInteg-' });
        return { logGroups: [{ logGroupName: '/aws/lambda/CutoutInteg-CustomS3AutoDelete' }] };
      },
      DeleteLogGroup: () => ({}),
    });
    const remains = new Remains(clients);
    expect(await remains.of('stack-id')).toEqual([
      { what: 'Uploads', type: 'AWS::S3::Bucket' },
      { what: 'ApiKey', type: 'AWS::SecretsManager::Secret' },
    ]);
    await remains.delete();
    expect(deleted).toEqual(['1', '2']);
    expect(asked).toContain('DeleteLogGroup');
    expect(asked.some((each) => /^S3 DELETE/.test(each))).toBe(true);
    expect(remains.leftovers).toEqual([{ what: 'Key', type: 'AWS::KMS::Key', why: expect.stringContaining('7 days') }]);
  });

  it('is still found once the stack is gone: that of the newest stack of that name which was deleted', async () => {
    const { clients } = await clientsThat({
      DescribeStacks: () => STACK_MISSING,
      ListStacks: (input) => {
        expect([...new URLSearchParams(input).values()]).toContain('DELETE_COMPLETE');
        return stacks(
          ['CutoutInteg', 'older', '2026-11-25T10:00:00Z'],
          ['CutoutInteg', 'newest', '2026-11-27T10:00:00Z'],
          ['CutoutInteg-Other', 'other', '2026-11-28T10:00:00Z'],
        );
      },
    });
    const remains = new Remains(clients);
    expect(await remains.stackId()).toBe('newest');
    expect(remains.leftovers).toEqual([]);
  });

  it('is nothing where no stack of that name ever was', async () => {
    const { clients } = await clientsThat({ DescribeStacks: () => STACK_MISSING, ListStacks: () => stacks() });
    const remains = new Remains(clients);
    expect(await remains.stackId()).toBeUndefined();
    expect(remains.leftovers).toEqual([]);
  });

  it('is passed over where an earlier run has deleted it', async () => {
    const { clients } = await clientsThat({
      ListStackResources: () => KEPT,
      'S3 GET /s3/uploads?versions': () => BUCKET_MISSING,
      DeleteSecret: () => SECRET_MISSING,
      DescribeLogGroups: () => ({ logGroups: [] }),
    });
    const remains = new Remains(clients);
    await remains.of('stack-id');
    await remains.delete();
    expect(remains.leftovers.map(({ what }) => what)).toEqual(['Key']);
  });

  it('is told of if it cannot be deleted', async () => {
    const { clients } = await clientsThat({ ListStackResources: () => KEPT });
    const remains = new Remains(clients);
    await remains.of('stack-id');
    await remains.delete();
    expect(remains.leftovers.map(({ what }) => what)).toEqual([
      'Key',
      'Uploads',
      'ApiKey',
      '/aws/lambda/CutoutInteg-…',
    ]);
  });

  it('is told of too if the stack cannot be described', async () => {
    const { clients } = await clientsThat({});
    const remains = new Remains(clients);
    expect(await remains.stackId()).toBeUndefined();
    expect(remains.leftovers).toEqual([{ what: 'What the stack keeps', type: 'unknown', why: expect.any(String) }]);
  });
});
