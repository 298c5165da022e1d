import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { SQSEvent } from 'aws-lambda';
import { Gateway } from '../../functions/gateway/client.ts';
import { apiKey } from '../../functions/runtime/api-key.ts';
import type { Deployment, Mapping, Rule } from '../../local/simulation/deployment.ts';
import type { DeployedFunction, Handler } from '../../local/simulation/functions.ts';
import { REGION } from '../../local/template.ts';

/** An uploaded object, as far as alternatives look at it. */
export interface Source {
  bucket: string;
  key: string;
  versionId?: string;
}

/** What all alternatives do: they are as plain as examples are, and use Cutout's own client of the gateway. */
export class Steps {
  readonly #s3 = new S3Client({});
  readonly #gateway: Gateway;
  readonly #cutout: Deployment;

  constructor(cutout: Deployment) {
    this.#cutout = cutout;
    this.#gateway = new Gateway({ url: cutout.gatewayUrl, apiKey });
  }

  /** Submits an image. @returns the request's id */
  async submit({ bucket, key, versionId }: Source, callbackPath?: string): Promise<string> {
    const get = new GetObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId });
    const imageUrl = await getSignedUrl(this.#s3, get, { expiresIn: 3600 });
    const webhookUrl = callbackPath && this.#cutout.callbackUrl + callbackPath;
    return (await this.#gateway.submit(imageUrl, { webhookUrl })).requestId;
  }

  /** The result's URL once there is one; undefined while the job is under way. */
  async resultOf(requestId: string): Promise<string | undefined> {
    const { status, mediaUrls } = await this.#gateway.status(requestId);
    if (status === 'FAILED' || status === 'ERROR') throw new Error(`The job ended as ${status}`);
    return status === 'COMPLETED' ? mediaUrls[0] : undefined;
  }

  /** Copies a result, whole in memory. */
  async deliver(key: string, url: string): Promise<void> {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`The CDN answered ${response.status}`);
    const body = new Uint8Array(await response.arrayBuffer());
    const put = { Bucket: this.#cutout.resultsBucket, Key: `${key}.png`, Body: body, ContentType: 'image/png' };
    await this.#s3.send(new PutObjectCommand(put));
  }
}

/** A function of an alternative, with the variables of all of Cutout's functions, and the memory that they have by default. */
export function functionOf(
  { functions }: Deployment,
  name: string,
  handler: Handler,
  timeoutSeconds = 60,
): DeployedFunction {
  return {
    ...{ arn: `arn:aws:lambda:${REGION}::function:${name}`, name, timeoutSeconds, memoryMb: 256 },
    variables: Object.assign({}, ...functions.map(({ variables }) => variables)),
    environments: [handler],
  };
}

/** How uploads come to Cutout: the rule for their events, and what takes them from the queue. */
export function intakeOf({ rules, mappings }: Deployment): { rule: Rule; mapping: Mapping } {
  const rule = rules.find(({ pattern }) => pattern.source?.includes('aws.s3'));
  const mapping = mappings.find(({ queueArn }) => rule?.targets.some(({ Arn }) => Arn === queueArn));
  if (rule === undefined || mapping === undefined) throw new Error('Nothing tells Cutout of uploads');
  return { rule, mapping };
}

/** The objects that a batch of "Object Created" events is about. */
export function sourcesOf({ Records }: SQSEvent): Source[] {
  return Records.map(({ body }) => sourceOf(JSON.parse(body)));
}

export function sourceOf({ detail }: { detail: ObjectCreated }): Source {
  return { bucket: detail.bucket.name, key: detail.object.key, versionId: detail.object['version-id'] };
}

interface ObjectCreated {
  bucket: { name: string };
  object: { key: string; 'version-id': string };
}

/** A state that invokes a function, with the retriers that the CDK adds by default. */
export function task(functionArn: string, next: { Next: string } | { End: true }): object {
  const errors = ['ClientExecutionTimeoutException', 'ServiceException', 'AWSLambdaException', 'SdkClientException'];
  return {
    Type: 'Task',
    Resource: 'arn:aws:states:::lambda:invoke',
    Parameters: { FunctionName: functionArn, 'Payload.$': '$' },
    OutputPath: '$.Payload',
    Retry: [
      {
        ErrorEquals: errors.map((error) => `Lambda.${error}`),
        IntervalSeconds: 2,
        MaxAttempts: 6,
        BackoffRate: 2,
      },
    ],
    ...next,
  };
}
