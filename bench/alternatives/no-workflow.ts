import type { LambdaFunctionURLEvent, SQSEvent } from 'aws-lambda';
import type { Deployment } from '../../local/simulation/deployment.ts';
import { functionOf, intakeOf, Steps, sourcesOf } from './shared.ts';

/** No state machine: one function submits what is uploaded, another delivers what a callback names. */
export function noWorkflow(cutout: Deployment): Deployment {
  const steps = new Steps(cutout);
  const { rule, mapping } = intakeOf(cutout);
  const submit = functionOf(cutout, 'direct-submit', async (event) => {
    for (const source of sourcesOf(event as SQSEvent)) {
      await steps.submit(source, Buffer.from(source.key).toString('base64url'));
    }
  });
  const onCallback = functionOf(cutout, 'direct-callback', async (event) => {
    const { rawPath, body = '' } = event as LambdaFunctionURLEvent;
    const { output } = JSON.parse(body);
    await steps.deliver(Buffer.from(rawPath.slice(1), 'base64url').toString(), output.media_url[0]);
    return { statusCode: 204 };
  });
  return {
    ...cutout,
    name: 'd) no workflow',
    functions: [submit, onCallback],
    definition: undefined,
    rules: [rule],
    mappings: [{ ...mapping, functionArn: submit.arn }],
    callbackArn: onCallback.arn,
  };
}
