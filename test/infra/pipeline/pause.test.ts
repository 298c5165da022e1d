import { describe, expect, it } from 'vitest';
import { flat, grantsOf, resource, resources } from '../read-template.ts';
import { templateOf } from '../synth.ts';

const standard = templateOf('default');

describe('a pause', () => {
  it('stands beside the results, under their prefix, where Submit and on-upload look for it', () => {
    for (const name of ['WorkflowSubmit', 'IntakeOnUpload', 'KeepPauseFunction']) {
      const { Variables } = resource(templateOf('prefixes'), 'AWS::Lambda::Function', name).Properties.Environment;
      expect(Variables.PAUSE_KEY).toBe('out/paused.json');
      expect(flat(Variables.RESULTS_BUCKET)).toBe('<Results>');
    }
  });

  it('can be begun by Submit, lifted by Submit and keep-pause, and be seen by on-upload alone', () => {
    const mayOf = (role: string) =>
      grantsOf(standard, role)
        .filter(({ resource: on }) => on.endsWith('/paused.json'))
        .map(({ action }) => action)
        .sort();
    expect(mayOf('WorkflowSubmitRole')).toEqual(['s3:DeleteObject', 's3:PutObject']);
    expect(mayOf('KeepPauseFunctionRole')).toEqual(['s3:DeleteObject', 's3:GetObject']);
    expect(mayOf('IntakeOnUploadRole')).toEqual(['s3:GetObject']);
  });

  it('is looked after every five minutes', () => {
    const [rule, ...others] = Object.values(resources(standard, 'AWS::Events::Rule')).filter(
      ({ Properties }) => Properties.ScheduleExpression !== undefined,
    );
    expect(others).toEqual([]);
    expect(rule?.Properties.ScheduleExpression).toBe('rate(5 minutes)');
    expect(rule?.Properties.Targets.map((target: { Arn: never }) => flat(target.Arn))).toEqual([
      '<KeepPauseFunction.Arn>',
    ]);
  });

  it('changes the event source mapping of uploads, and no other', () => {
    const [mapping, ...others] = grantsOf(standard, 'KeepPauseFunctionRole').filter(
      ({ action }) => action === 'lambda:UpdateEventSourceMapping',
    );
    expect(others).toEqual([]);
    expect(mapping?.resource).toMatch(/:event-source-mapping:<IntakeOnUploadSqsEventSource\w+>$/);
  });

  it('there is none with pause=false: nobody looks, nothing runs', () => {
    const template = templateOf('tuned');
    expect(Object.keys(resources(template, 'AWS::Lambda::Function'))).not.toContain('KeepPauseFunction');
    expect(JSON.stringify(template.toJSON())).not.toContain('paused.json');
    expect(Object.keys(template.findOutputs('*'))).not.toContain('UploadsEventSourceMapping');
  });

  it('is looked after once each time: what fails is left to the next time', () => {
    const { Targets } = resource(standard, 'AWS::Events::Rule', 'KeepPauseSchedule').Properties;
    expect(Targets).toMatchObject([{ RetryPolicy: { MaximumRetryAttempts: 0 } }]);
    // EventBridge's number is about the delivery; a function that has failed is run again by Lambda.
    const asynchronous = Object.values(resources(standard, 'AWS::Lambda::EventInvokeConfig'));
    expect(asynchronous).toMatchObject([
      { Properties: { FunctionName: { Ref: expect.stringContaining('KeepPause') }, MaximumRetryAttempts: 0 } },
    ]);
  });
});
