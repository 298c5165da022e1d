import type { BusEvent } from './event-bus.ts';
import type { ObjectCreated } from './s3.ts';
import type { Execution } from './step-functions.ts';

/** What S3 tells EventBridge of a new object; keys come plain, not URL-encoded. */
export function objectCreated({ bucket, key, size, etag, versionId, sequencer, reason }: ObjectCreated): BusEvent {
  const object = { key, size, etag, ...(versionId !== undefined && { 'version-id': versionId }), sequencer };
  return {
    source: 'aws.s3',
    'detail-type': 'Object Created',
    detail: { version: '0', bucket: { name: bucket }, object, reason },
  };
}

/** What Step Functions tells EventBridge of an execution whose status changed. */
export function statusChange(execution: Execution, stateMachineArn: string): BusEvent {
  const { arn: executionArn, name, status, startDate, stopDate, input, output, error, cause } = execution;
  const orNull = { stopDate: stopDate ?? null, output: output ?? null, error: error ?? null, cause: cause ?? null };
  return {
    source: 'aws.states',
    'detail-type': 'Step Functions Execution Status Change',
    detail: { executionArn, stateMachineArn, name, status, startDate, input, ...orNull },
  };
}
