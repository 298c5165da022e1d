import timers from 'node:timers/promises';
import type { Deployment } from '../../local/simulation/deployment.ts';
import { functionOf, intakeOf, Steps, sourceOf } from './shared.ts';

/** Lambda's limit. */
const TIMEOUT_SECONDS = 15 * 60;

/** One function for all: submits, sleeps and looks every 5 s, and delivers; billed for its sleep. */
export function sleepingFunction(cutout: Deployment): Deployment {
  const steps = new Steps(cutout);
  const handler = functionOf(
    cutout,
    'sleeper',
    async (event) => {
      const source = sourceOf(event as Parameters<typeof sourceOf>[0]);
      const requestId = await steps.submit(source);
      let url: string | undefined;
      while (url === undefined) {
        await timers.setTimeout(5_000);
        url = await steps.resultOf(requestId);
      }
      await steps.deliver(source.key, url);
    },
    TIMEOUT_SECONDS,
  );
  const rule = { ...intakeOf(cutout).rule, targets: [{ Arn: handler.arn }] };
  return {
    ...cutout,
    name: 'b) sleeping Lambda',
    functions: [handler],
    definition: undefined,
    rules: [rule],
    mappings: [],
  };
}
