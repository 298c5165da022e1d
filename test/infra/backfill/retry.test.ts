import { describe, expect, it } from 'vitest';
import { retries, state, template } from './machine.ts';

describe('what costs nothing', () => {
  const tasks = ['Prepare backfill', 'Plan backfill', 'Report backfill', 'Look'];

  it.each(tasks)('%s is done again after any error but a wrong input, and outlasted by its state', (name) => {
    expect(retries(state(name), 'InvalidInput')).toBe(0);
    for (const error of ['InternalError', 'Sandbox.Timedout', 'Lambda.TooManyRequestsException', 'States.Timeout']) {
      // Looking has to end within the five minutes of an Express execution.
      expect(retries(state(name), error)).toBe(name === 'Look' ? 3 : 8);
    }
    const invoked = template
      .resources('AWS::Lambda::Function')
      .find(({ logicalId }) => template.arn(logicalId) === state(name).Parameters.FunctionName);
    expect(state(name).TimeoutSeconds).toBeGreaterThanOrEqual(invoked?.properties.Timeout);
  });

  it('the look at an earlier execution is patient, because Step Functions answers few of them', () => {
    expect(retries(state('Earlier execution'), 'Sfn.ThrottlingException')).toBe(20);
  });
});
