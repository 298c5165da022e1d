import { resolve } from 'node:path';
import { credentialsOf } from '../callers.ts';
import { LocalFunction } from '../lambda.ts';
import { REGION, type Resource, type Synthesized } from '../template.ts';

export interface FunctionsOptions {
  /** Where services answer on this machine: S3, DynamoDB if there are tables, and all others. */
  urls: { s3: string; dynamoDb: string | undefined; others: string };
  /** Environment variables for all functions, in place of the template's. */
  environment: Record<string, string>;
  onLog: (bundle: string, line: string) => void;
}

/** The functions of a synthesized stack, by ARN. Those whose code is in the template, the CDK's own helpers, are not run. */
export function functionsOf(synthesized: Synthesized, options: FunctionsOptions): Map<string, LocalFunction> {
  const resources = synthesized.template.resources('AWS::Lambda::Function');
  const made = resources.flatMap((resource) => makeFunction(synthesized, resource, options) ?? []);
  return new Map(made.map((each) => [each.arn, each]));
}

function makeFunction(
  { template, outdir }: Synthesized,
  { logicalId, properties, assetPath }: Resource,
  { urls, environment, onLog }: FunctionsOptions,
): LocalFunction | undefined {
  if (assetPath === undefined) return undefined;
  const [bundle = ''] = String(properties.Handler).split('.');
  const name = template.ref(logicalId);
  const { accessKeyId, secretAccessKey } = credentialsOf(name);
  return new LocalFunction({
    name,
    bundle,
    arn: template.arn(logicalId),
    code: resolve(outdir, assetPath),
    handler: properties.Handler,
    environment: {
      ...properties.Environment?.Variables,
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      ...endpointsAt(urls),
      ...environment,
    },
    timeoutSeconds: properties.Timeout ?? 3,
    memoryMb: properties.MemorySize ?? 128,
    onLog: (line) => onLog(bundle, line),
  });
}

/** Where services answer, as the SDK's environment variables name it. */
function endpointsAt({ s3, dynamoDb, others }: FunctionsOptions['urls']): Record<string, string> {
  return {
    AWS_ENDPOINT_URL_S3: s3,
    AWS_ENDPOINT_URL_LAMBDA: others,
    AWS_ENDPOINT_URL_SFN: others,
    AWS_ENDPOINT_URL_SQS: others,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: others,
    ...(dynamoDb !== undefined && { AWS_ENDPOINT_URL_DYNAMODB: dynamoDb }),
  };
}
