import type { Deployment } from '../../local/simulation/deployment.ts';
import type { Definition } from '../../local/step-functions/definition.ts';
import { functionOf, type Source, Steps, task } from './shared.ts';

/** The job poller that tutorials teach: submit, then look every 5 s until the job has ended. */
export function jobPoller(cutout: Deployment): Deployment {
  const steps = new Steps(cutout);
  type State = Source & { requestId: string; url?: string };
  const submit = functionOf(cutout, 'poller-submit', async (event) => {
    const source = event as Source;
    return { ...source, requestId: await steps.submit(source) };
  });
  const look = functionOf(cutout, 'poller-look', async (event) => {
    const state = event as State;
    const url = await steps.resultOf(state.requestId);
    return { ...state, url, status: url === undefined ? 'RUNNING' : 'COMPLETED' };
  });
  const deliver = functionOf(cutout, 'poller-deliver', async (event) => {
    const { key, url = '' } = event as State;
    await steps.deliver(key, url);
  });
  const definition = {
    StartAt: 'Submit',
    States: {
      Submit: task(submit.arn, { Next: 'Wait 5 s' }),
      'Wait 5 s': { Type: 'Wait', Seconds: 5, Next: 'Get status' },
      'Get status': task(look.arn, { Next: 'Complete?' }),
      'Complete?': {
        Type: 'Choice',
        Choices: [{ Variable: '$.status', StringEquals: 'COMPLETED', Next: 'Deliver' }],
        Default: 'Wait 5 s',
      },
      Deliver: task(deliver.arn, { End: true }),
    },
  } as Definition;
  return { ...cutout, name: 'a) 5 s poller', functions: [...cutout.functions, submit, look, deliver], definition };
}
