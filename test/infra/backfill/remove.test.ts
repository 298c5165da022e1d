import { describe, expect, it } from 'vitest';
import { at, MAP_RUN_FAILED, outputOf, planned, report, retries, STARTS, state, template } from './machine.ts';

describe('Remove', () => {
  it('takes one image for each line of the plan, in executions that can wait for hours', () => {
    expect(state('Remove').ItemProcessor?.ProcessorConfig).toEqual({ Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' });
    expect(state('Remove')).not.toHaveProperty('ItemBatcher');
    expect(state('Remove').ItemReader).toMatchObject({
      Resource: 'arn:aws:states:::s3:getObject',
      ReaderConfig: { InputType: 'JSONL' },
      Parameters: { 'Key.$': '$.plan.imagesKey' },
    });
  });

  it('goes as fast, and puts up with as many failures, as the input says', () => {
    const { MaxConcurrencyPath, ToleratedFailurePercentagePath, ...others } = state('Remove');
    expect(at(String(MaxConcurrencyPath), planned)).toBe(planned.backfill.maxConcurrency);
    expect(at(String(ToleratedFailurePercentagePath), planned)).toBe(planned.backfill.toleratedFailurePercentage);
    expect(others).not.toHaveProperty('MaxConcurrency');
    expect(others).not.toHaveProperty('ToleratedFailurePercentage');
  });

  it('is left out of a dry run, and where there is nothing to do', () => {
    expect(state('Anything to do?')).toMatchObject({
      Choices: [
        {
          Or: [
            { Variable: '$.backfill.dryRun', BooleanEquals: true },
            { Variable: '$.plan.images', NumericEquals: 0 },
          ],
          Next: 'Report backfill',
        },
      ],
      Default: 'Remove',
    });
  });

  it('is reported also if too many fail, and then the backfill fails', () => {
    expect(state('Remove').Next).toBe('Report backfill');
    expect(state('Remove').Catch).toEqual([
      { ErrorEquals: ['States.ExceedToleratedFailureThreshold'], ResultPath: '$.failure', Next: 'Report backfill' },
      MAP_RUN_FAILED,
    ]);
    expect(state('How did it go?')).toMatchObject({
      Choices: [{ Variable: '$.status', StringEquals: 'TOO_MANY_FAILURES', Next: 'Too many failures' }],
      Default: 'Done',
    });
    const { Type, Error: error, CausePath } = state('Too many failures');
    expect({ Type, error }).toEqual({ Type: 'Fail', error: 'TooManyFailures' });
    expect(at(String(CausePath), report)).toBe(report.summary);
    expect(state('Done').Type).toBe('Succeed');
  });
});

describe('a removal, which costs money', () => {
  it.each(STARTS)('%s waits for it, and puts out how it ended', (name) => {
    const [removal] = template
      .resources('AWS::StepFunctions::StateMachine')
      .filter(({ logicalId }) => /Workflow/.test(logicalId));
    expect(state(name)).toMatchObject({
      Resource: 'arn:aws:states:::states:startExecution.sync:2',
      Parameters: { StateMachineArn: template.arn(removal?.logicalId ?? ''), 'Input.$': '$.input' },
      End: true,
    });
    expect(outputOf(name, state(name), {})).toEqual({ status: 'DELIVERED' });
  });

  it('has the same name at every attempt, so that none can submit twice', () => {
    expect(STARTS.map((name) => state(name).Parameters['Name.$'])).toEqual(['$.name', '$.nextName']);
  });

  it.each(STARTS)('%s is tried again only after errors of the start', (name) => {
    for (const error of ['States.TaskFailed', 'States.Timeout', 'RemovalFailed', 'OutcomeUnknown']) {
      expect(retries(state(name), error)).toBe(0);
    }
    for (const error of ['ThrottlingException', 'TooManyRequestsException', 'InternalServerException']) {
      expect(retries(state(name), `StepFunctions.${error}`)).toBe(10);
    }
  });
});
