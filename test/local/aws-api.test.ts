import { CloudFormationClient, DescribeStacksCommand, ListStackResourcesCommand } from '@aws-sdk/client-cloudformation';
import { DynamoDBClient, GetItemCommand, ListTablesCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import { DescribeSecretCommand, ListSecretsCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import {
  DescribeStateMachineCommand,
  ListActivitiesCommand,
  ListStateMachinesCommand,
  SFNClient,
} from '@aws-sdk/client-sfn';
import { GetQueueAttributesCommand, ListQueuesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tableOperations } from '../../local/cloud/tables.ts';
import { LOCAL_CREDENTIALS, type LocalCloud } from '../../local/cloud.ts';
import { startCloud } from '../pipeline-rig.ts';

let cloud: LocalCloud;
beforeAll(async () => {
  cloud = await startCloud({ settings: { webhook: true } });
});
afterAll(() => cloud?.close());

const config = () => ({ endpoint: cloud.awsUrl, region: 'us-east-1', credentials: LOCAL_CREDENTIALS, maxAttempts: 1 });

/** A request as the AWS CLI signs it for a service; nobody here checks the signature but S3. */
function ask(service: string, path: string, init: RequestInit = {}): Promise<Response> {
  const authorization = `AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/${service}/aws4_request, SignedHeaders=host, Signature=0`;
  return fetch(cloud.awsUrl + path, { ...init, headers: { authorization, ...init.headers } });
}

/** A request whose operation is in a form: of services that always have it so, and of old clients. */
async function post(service: string, fields: Record<string, string>): Promise<string> {
  return (await ask(service, '/', { method: 'POST', body: new URLSearchParams(fields) })).text();
}

describe('the endpoint of a local run', () => {
  it('says who one is', async () => {
    expect(await post('sts', { Action: 'GetCallerIdentity', Version: '2011-06-15' })).toContain(
      '<GetCallerIdentityResult><UserId>local</UserId><Account>000000000000</Account>',
    );
  });

  it('tells of the stack, by its name too, and of no other', async () => {
    const client = new CloudFormationClient(config());
    const { Stacks = [] } = await client.send(new DescribeStacksCommand({ StackName: 'Cutout' }));
    expect(Stacks.map(({ StackName, StackStatus }) => [StackName, StackStatus])).toEqual([
      ['Cutout', 'CREATE_COMPLETE'],
    ]);
    expect(Stacks[0]?.Outputs).toContainEqual({ OutputKey: 'UploadsBucket', OutputValue: 'uploads' });
    const { StackResourceSummaries } = await client.send(new ListStackResourcesCommand({ StackName: 'Cutout' }));
    expect(StackResourceSummaries).toContainEqual(
      expect.objectContaining({ ResourceType: 'AWS::S3::Bucket', PhysicalResourceId: 'results' }),
    );
    await expect(client.send(new DescribeStacksCommand({ StackName: 'Nowhere' }))).rejects.toMatchObject({
      name: 'ValidationError',
      message: expect.stringContaining('Nowhere does not exist'),
    });
  });

  it('answers for S3, too', async () => {
    const { Buckets = [] } = await new S3Client({ ...config(), forcePathStyle: true }).send(new ListBucketsCommand());
    expect(Buckets.map(({ Name }) => Name).sort()).toEqual(['results', 'uploads']);
  });

  it('lists state machines, and gives their definitions', async () => {
    const client = new SFNClient(config());
    const { stateMachines = [] } = await client.send(new ListStateMachinesCommand());
    expect(stateMachines.map(({ stateMachineArn }) => stateMachineArn)).toContain(cloud.stateMachineArn);
    const { definition = '' } = await client.send(
      new DescribeStateMachineCommand({ stateMachineArn: cloud.stateMachineArn }),
    );
    expect(JSON.parse(definition).StartAt).toBe('Submit');
  });

  it('lists queues and what they hold, also for clients that ask by a form', async () => {
    const client = new SQSClient(config());
    const { QueueUrls = [] } = await client.send(new ListQueuesCommand());
    const QueueUrl = cloud.template.output('DeadLetterQueueUrl');
    expect(QueueUrls).toContain(QueueUrl);
    const { Attributes } = await client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }));
    expect(Attributes).toMatchObject({ ApproximateNumberOfMessages: '0' });

    expect(await post('sqs', { Action: 'ListQueues' })).toContain(
      `<ListQueuesResult><QueueUrl>${QueueUrls[0]}</QueueUrl>`,
    );
    expect(await post('sqs', { Action: 'GetQueueAttributes', QueueUrl, 'AttributeName.1': 'All' })).toContain(
      '<Attribute><Name>ApproximateNumberOfMessages</Name><Value>0</Value></Attribute>',
    );
  });

  it('lists secrets, and knows each by its name', async () => {
    const client = new SecretsManagerClient(config());
    const { SecretList = [] } = await client.send(new ListSecretsCommand());
    const { ARN } = await client.send(new DescribeSecretCommand({ SecretId: SecretList[0]?.Name }));
    expect(ARN).toBe(cloud.template.output('ApiKeySecretArn'));
  });

  it('lists functions', async () => {
    const { Functions } = (await (await ask('lambda', '/2015-03-31/functions/')).json()) as {
      Functions: { Handler: string }[];
    };
    expect(Functions.map(({ Handler }) => Handler)).toContain('submit.handler');
  });

  it('passes on to DynamoDB what is about the tables, errors too', async () => {
    const client = new DynamoDBClient(config());
    const { TableNames: [TableName] = [] } = await client.send(new ListTablesCommand());
    expect((await client.send(new ScanCommand({ TableName }))).Count).toBe(0);
    await expect(client.send(new GetItemCommand({ TableName, Key: { nothing: { S: 'x' } } }))).rejects.toMatchObject({
      name: 'ValidationException',
    });
  });

  it('has no tables where the stack makes none', async () => {
    const { 'DynamoDB_20120810.ListTables': list, 'DynamoDB_20120810.Scan': scan } = tableOperations(() => undefined);
    expect(await list?.({})).toEqual({ TableNames: [] });
    expect(() => scan?.({ TableName: 'any' })).toThrow(/no tables without webhook or imagesPerDay$/);
  });
});

describe('what the local run does not offer', () => {
  it('says which operation of which service that is, and what there is, as an error that SDKs know', async () => {
    await expect(new SFNClient(config()).send(new ListActivitiesCommand())).rejects.toMatchObject({
      name: 'UnknownOperationException',
      message: expect.stringMatching(/not offer ListActivities of Step Functions\. .*: .*ListStateMachines, /),
    });
  });

  it('says so to a form in XML', async () => {
    expect(await post('cloudformation', { Action: 'CreateStack' })).toMatch(
      /<Code>InvalidAction<\/Code><Message>The local run does not offer CreateStack of CloudFormation\. /,
    );
    expect(await post('iam', { Action: 'ListRoles' })).toMatch(/ListRoles of IAM\. Services that are there: .*S3, SQS/);
  });

  it.each([
    ['GET', '/2015-03-31/functions/submit', 'GetFunction of Lambda'],
    ['GET', '/2020-01-01/else', 'GET /2020-01-01/else of Lambda'],
  ])('names %s %s as far as it can', async (method, path, name) => {
    const response = await ask('lambda', path, { method });
    expect(response.headers.get('x-amzn-errortype')).toBe('UnknownOperationException');
    expect(await response.text()).toContain(`does not offer ${name}. `);
  });

  it('says so in CBOR', async () => {
    const path = '/service/GraniteServiceVersion20100801/operation/DescribeAlarms';
    const response = await ask('monitoring', path, { method: 'POST', headers: { 'smithy-protocol': 'rpc-v2-cbor' } });
    const body = Buffer.from(await response.arrayBuffer());
    // A map of two: `__type`, a text of 6, then a text of 25 bytes.
    expect(body.subarray(0, 13).toString('hex')).toBe(`a2790006${Buffer.from('__type').toString('hex')}790019`);
    expect(body.toString()).toContain('does not offer DescribeAlarms of CloudWatch');
  });

  it('refuses a body that is no JSON', async () => {
    const response = await ask('states', '/', {
      ...{ method: 'POST', body: '{', headers: { 'x-amz-target': 'AWSStepFunctions.ListStateMachines' } },
    });
    expect([response.status, await response.json()]).toMatchObject([400, { __type: 'SerializationException' }]);
  });
});
