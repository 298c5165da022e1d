import type { LambdaFunctionURLEvent, SQSEvent } from 'aws-lambda';
import { functionOfAlternative, type Site, type System } from '../simulation/system.ts';
import { Steps, sourcesOf } from './shared.ts';

/** No state machine: one function submits what is uploaded, another delivers what a callback names. */
export function noWorkflow(site: Site): System {
  const steps = new Steps(site);
  const submit = functionOfAlternative('direct-submit', async (event) => {
    for (const source of sourcesOf(event as SQSEvent)) {
      await steps.submit(source, Buffer.from(source.key).toString('base64url'));
    }
  });
  const onCallback = functionOfAlternative('direct-callback', async (event) => {
    const { rawPath, body = '' } = event as LambdaFunctionURLEvent;
    const { output } = JSON.parse(body);
    await steps.deliver(Buffer.from(rawPath.slice(1), 'base64url').toString(), output.media_url[0]);
    return { statusCode: 204 };
  });
  return {
    name: 'd) no workflow',
    functions: [submit, onCallback],
    intake: { ...site.intake, functionArn: submit.arn },
    callbackArn: onCallback.arn,
  };
}
