import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { App, type Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { vi } from 'vitest';
import type { BackgroundRemovalProps } from '../../infra/index.ts';
import { type CloudOptions, LOCAL_CREDENTIALS, type LocalCloud } from '../../local/cloud.ts';
import { REGION, type Resource, type Synthesized, synthesizeApp } from '../../local/template.ts';
import { startCloud } from '../pipeline-rig.ts';

type Example<S extends Stack> = new (scope: Construct, id: string, props: BackgroundRemovalProps) => S;

/** A bucket of its own, in which whoever calls Cutout keeps photos. */
const PHOTOS = 'shop-photos';

/** Deploys an example to this machine; `adapt` may change what this machine has no service for. */
export function startExample<S extends Stack>(
  Example: Example<S>,
  { adapt, ...options }: CloudOptions & { adapt?: (stack: S) => void } = {},
): Promise<LocalCloud> {
  return startCloud({
    ...options,
    existingBuckets: { [PHOTOS]: { versioned: false } },
    stackName: 'Example',
    app: (props) => {
      const app = new App(props);
      const gatewayUrl = app.node.getContext('gatewayUrl');
      const resultHosts = [app.node.getContext('resultHosts')];
      const stack = quietly(() => new Example(app, 'Example', { gatewayUrl, resultHosts }));
      adapt?.(stack);
      return app;
    },
  });
}

/** Synthesizes an example as somebody deploys it. The folder of the assembly is the caller's to remove. */
export function synthesizeExample<S extends Stack>(Example: Example<S>): Synthesized {
  return synthesizeApp(
    {},
    {
      stackName: 'Example',
      app: (props) => {
        const app = new App(props);
        quietly(() => new Example(app, 'Example', {}));
        return app;
      },
    },
  );
}

/** The CDK, and npm for it, would say on the console what they bundle. */
function quietly<T>(work: () => T): T {
  const nowhere = { fd: openSync(devNull, 'w'), write: () => true };
  const said = vi.spyOn(process, 'stderr', 'get').mockReturnValue(nowhere as unknown as typeof process.stderr);
  try {
    return work();
  } finally {
    said.mockRestore();
    closeSync(nowhere.fd);
  }
}

/** Stores a photo where Cutout does not look. @returns a presigned URL of it, which differs each second */
export async function photoUrl(cloud: LocalCloud, body: Buffer): Promise<string> {
  cloud.s3.put(PHOTOS, 'photo.jpg', body);
  const s3 = new S3Client({
    endpoint: cloud.s3.url,
    region: REGION,
    forcePathStyle: true,
    credentials: LOCAL_CREDENTIALS,
  });
  const url = await getSignedUrl(s3, new GetObjectCommand({ Bucket: PHOTOS, Key: 'photo.jpg' }));
  s3.destroy();
  return url;
}

/** The resource of a type whose logical id begins so. */
export function resource(cloud: LocalCloud, type: string, id: string): Resource {
  const found = cloud.template.resources(type).find(({ logicalId }) => logicalId.startsWith(id));
  if (found === undefined) throw new Error(`There is no ${type} ${id}`);
  return found;
}

/** The name of the bucket whose logical id begins so. */
export function bucketName(cloud: LocalCloud, id: string): string {
  return cloud.template.ref(resource(cloud, 'AWS::S3::Bucket', id).logicalId);
}

/** The ARN of the state machine whose logical id begins so. */
export function machineArn(cloud: LocalCloud, id: string): string {
  return cloud.template.arn(resource(cloud, 'AWS::StepFunctions::StateMachine', id).logicalId);
}
