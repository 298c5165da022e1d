import { relative } from 'node:path';
import type { DescribeExecutionOutput } from '@aws-sdk/client-sfn';
import { rowOf } from '../../functions/errors.ts';
import { PRICE_PER_IMAGE_USD } from '../../functions/gateway/model.ts';
import { whatFailed } from '../../functions/results/failure.ts';
import { type Deployment, stackOption } from './deployment.ts';
import { billOf, callbackIn, type Visit } from './history.ts';
import { size } from './save.ts';
import type { Download } from './smoke-test.ts';

/** Why an upload may have started no execution, most likely first, and what to do. */
export function whyNoExecution({ outputs, buckets }: Deployment, stackName: string): string {
  const enableEvents = outputs.optional('EnableEventsCommand');
  const events =
    enableEvents === undefined
      ? `If ${buckets.uploadsBucket} existed before the stack, it may not send its events to EventBridge: docs/settings.md, "Existing buckets".`
      : `${buckets.uploadsBucket} may not send its events to EventBridge. Switch them on:\n    ${enableEvents}`;
  return [
    `  – ${events}`,
    '  – The stack may take only keys with certain suffixes: see its settings, and give a file whose name ends so.',
    `  – The function on-upload of the stack ${stackName} may fail: see its log. Uploads that it gave up are here:`,
    `    aws sqs get-queue-attributes --attribute-names All --queue-url ${outputs.required('DeadLetterQueueUrl')}`,
  ].join('\n');
}

/** A download in one line. */
export function line(file: string, { bucket, key, path, bytes, contentType }: Download): string {
  return `✓ ${relative('.', file)} → ${relative('.', path)} (${size(bytes)}, ${contentType})\n  s3://${bucket}/${key}`;
}

/** Why there is no cutout, and what to do. */
export function whyNot(
  { outputs }: Deployment,
  stackName: string,
  ended: DescribeExecutionOutput,
  visits: Visit[],
): string {
  if (ended.status === 'SUCCEEDED') return '✗ Nothing was delivered: the upload was overwritten meanwhile.';
  const { error, cause } = whatFailed(ended, visits.at(-1)?.state);
  const lines = [`✗ ${error}: ${cause}`, `  ${ended.executionArn}`];
  const { remedy, redriveHelps } = rowOf(error);
  if (remedy.includes('SetApiKeyCommand'))
    lines.push(`  To store the API key: ${outputs.optional('SetApiKeyCommand')}`);
  if (redriveHelps) {
    lines.push(`  To redrive: npm run redrive -- --error ${error}${stackOption(stackName)}`);
  }
  return lines.join('\n');
}

/** What the execution cost at the gateway, in words. */
export function spent(visits: Visit[]): string {
  const { charged, perhaps } = billOf(visits);
  const more = perhaps === 0 ? '' : `, and perhaps ${usd(perhaps)} more: ${perhaps} submissions got no answer`;
  return `At the gateway this cost ${usd(charged)}${more}.`;
}

/** The price of so many images. */
export function usd(images: number): string {
  return `$${(images * PRICE_PER_IMAGE_USD).toFixed(3)}`;
}

/** In webhook mode, says whether the gateway called back; undefined in polling mode. */
export function howItWasWoken(visits: Visit[]): string | undefined {
  switch (callbackIn(visits)) {
    case 'CAME':
      return 'The gateway called back.';
    case 'DID_NOT_COME':
      return '! The gateway did not call back in time; the polling had to.';
    case 'NOT_AWAITED':
      return '! The callback could not be awaited, so the polling had to: see the history of the execution.';
    default:
      return undefined;
  }
}
