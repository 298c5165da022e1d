import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { CloudTrailClient } from '@aws-sdk/client-cloudtrail';
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SFNClient } from '@aws-sdk/client-sfn';
import { SQSClient } from '@aws-sdk/client-sqs';

/** Clients of what the runner and its cases use. */
export interface Clients {
  cloudFormation: CloudFormationClient;
  cloudTrail: CloudTrailClient;
  cloudWatch: CloudWatchClient;
  dynamoDb: DynamoDBClient;
  lambda: LambdaClient;
  logs: CloudWatchLogsClient;
  s3: S3Client;
  secrets: SecretsManagerClient;
  sfn: SFNClient;
  sqs: SQSClient;
}

/** Clients that find AWS by this environment on top of the process's own, as the AWS CLI would. */
export function clientsFor(environment: Readonly<Record<string, string>>): Clients {
  const { AWS_REGION, AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_S3, ...rest } = environment;
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = rest;
  const common = {
    ...(AWS_REGION !== undefined && { region: AWS_REGION }),
    ...(accessKeyId !== undefined &&
      secretAccessKey !== undefined && { credentials: { accessKeyId, secretAccessKey } }),
    // Many small requests: wait out throttling instead of giving up.
    retryMode: 'adaptive',
    maxAttempts: 10,
  };
  const at = (endpoint: string | undefined) => (endpoint === undefined ? common : { ...common, endpoint });
  const { AWS_ENDPOINT_URL: own, AWS_ENDPOINT_URL_S3: ownS3 } = process.env;
  const isEndpointGiven = [AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, ownS3, own].some((url) => url !== undefined);
  return {
    cloudFormation: new CloudFormationClient(at(AWS_ENDPOINT_URL)),
    cloudTrail: new CloudTrailClient(at(AWS_ENDPOINT_URL)),
    cloudWatch: new CloudWatchClient(at(AWS_ENDPOINT_URL)),
    dynamoDb: new DynamoDBClient(at(AWS_ENDPOINT_URL)),
    lambda: new LambdaClient(at(AWS_ENDPOINT_URL)),
    logs: new CloudWatchLogsClient(at(AWS_ENDPOINT_URL)),
    // Whoever names an endpoint seldom has a host name for each bucket there.
    s3: new S3Client({ ...at(AWS_ENDPOINT_URL_S3 ?? AWS_ENDPOINT_URL), forcePathStyle: isEndpointGiven }),
    secrets: new SecretsManagerClient(at(AWS_ENDPOINT_URL)),
    sfn: new SFNClient(at(AWS_ENDPOINT_URL)),
    // A queue's URL names AWS; the endpoint may be another one.
    sqs: new SQSClient({ ...at(AWS_ENDPOINT_URL), useQueueUrlAsEndpoint: false }),
  };
}

export function destroyClients(clients: Clients): void {
  for (const client of Object.values(clients)) client.destroy();
}
