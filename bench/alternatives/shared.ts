import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { SQSEvent } from 'aws-lambda';
import { Gateway } from '../../functions/gateway/client.ts';
import { apiKey } from '../../functions/runtime/api-key.ts';
import type { Site } from '../simulation/system.ts';

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
  readonly #site: Site;

  constructor(site: Site) {
    this.#site = site;
    this.#gateway = new Gateway({ url: site.gatewayUrl, apiKey });
  }

  /** Submits an image. @returns the request's id */
  async submit({ bucket, key, versionId }: Source, callbackPath?: string): Promise<string> {
    const get = new GetObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId });
    const imageUrl = await getSignedUrl(this.#s3, get, { expiresIn: 3600 });
    const webhookUrl = callbackPath && this.#site.callbackUrl + callbackPath;
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
    const put = { Bucket: this.#site.resultsBucket, Key: `${key}.png`, Body: body, ContentType: 'image/png' };
    await this.#s3.send(new PutObjectCommand(put));
  }
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
