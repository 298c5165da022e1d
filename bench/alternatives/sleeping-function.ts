import timers from 'node:timers/promises';
import { functionOfAlternative, type Site, type System } from '../simulation/system.ts';
import { Steps, sourceOf } from './shared.ts';

/** Lambda's limit. */
const TIMEOUT_SECONDS = 15 * 60;

/** One function for all: submits, sleeps and looks every 5 s, and delivers; billed for its sleep. */
export function sleepingFunction(site: Site): System {
  const steps = new Steps(site);
  const handler = functionOfAlternative(
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
  return { name: 'b) sleeping Lambda', functions: [handler], intake: { functionArn: handler.arn } };
}
