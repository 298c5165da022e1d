import type { LocalCloud } from '../../local/cloud.ts';
import type { S3Fault, S3Request } from '../../local/s3.ts';
import { policiesOf, refused } from './policies.ts';
import { Requests } from './requests.ts';

/**
 * Decides as IAM does, by the roles of the template that is deployed at this moment, on what functions ask of S3 and on
 * the URLs that they presigned. For `cloud.s3.onRequest`; what a person or a state machine asks is let through.
 */
export function accessToS3(cloud: LocalCloud): (request: S3Request) => Promise<S3Fault | undefined> {
  const policies = policiesOf(cloud.template, {});
  const needed = new Requests(cloud, {});
  return async ({ accessKeyId, operation, ...input }) => {
    const signer = [...cloud.functions.values()].find(({ name }) => name === accessKeyId);
    if (signer === undefined) return undefined;
    const [line] = await refused(policies, needed.of({ caller: signer.arn, operation: `S3.${operation}`, input }));
    return line === undefined ? undefined : { status: 403, code: 'AccessDenied', message: line };
  };
}
