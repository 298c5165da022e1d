import { describe, expect, it } from 'vitest';
import { flat, mappings, resource } from '../read-template.ts';
import { templateOf } from '../synth.ts';

const standard = templateOf('default');

describe('the way of an upload to its function', () => {
  const rule = resource(standard, 'AWS::Events::Rule', 'IntakeRule');
  const queue = resource(standard, 'AWS::SQS::Queue', 'IntakeQueue');
  const onUpload = resource(standard, 'AWS::Lambda::Function', 'IntakeOnUpload');

  it('begins with a rule for objects created in the uploads bucket', () => {
    const { source, 'detail-type': type, detail, ...others } = rule.Properties.EventPattern;
    expect(source).toEqual(['aws.s3']);
    expect(type).toEqual(['Object Created']);
    expect(Object.keys(detail)).toEqual(['bucket']);
    expect(detail.bucket.name.map(flat)).toEqual(['<Uploads>']);
    expect(others).toEqual({});
    expect(rule.Properties.State).toBe('ENABLED');
  });

  it('is narrowed to the uploads prefix, if there is one', () => {
    const { detail } = resource(templateOf('prefixes'), 'AWS::Events::Rule', 'IntakeRule').Properties.EventPattern;
    expect(detail.bucket.name.map(flat)).toEqual(['<Uploads>']);
    expect(detail.object).toEqual({ key: [{ prefix: 'in/' }] });
  });

  it('goes on into the queue, and what cannot get there into the dead-letter queue', () => {
    expect(rule.Properties.Targets).toHaveLength(1);
    const [target] = rule.Properties.Targets;
    expect(flat(target.Arn)).toBe('<IntakeQueue.Arn>');
    expect(flat(target.DeadLetterConfig.Arn)).toBe('<IntakeDeadLetterQueue.Arn>');
    // The function reads the event as S3 sent it.
    expect(target).not.toHaveProperty('Input');
    expect(target).not.toHaveProperty('InputPath');
    expect(target).not.toHaveProperty('InputTransformer');
  });

  it('tries an upload for an hour before it becomes a dead letter', () => {
    const { RedrivePolicy, VisibilityTimeout } = queue.Properties;
    expect(flat(RedrivePolicy.deadLetterTargetArn)).toBe('<IntakeDeadLetterQueue.Arn>');
    expect(RedrivePolicy.maxReceiveCount * VisibilityTimeout).toBeGreaterThanOrEqual(3600);
  });

  it('hides a message for at least six times as long as the function may run', () => {
    expect(queue.Properties.VisibilityTimeout).toBeGreaterThanOrEqual(6 * onUpload.Properties.Timeout);
  });

  it('ends in on-upload, which says message by message what failed', () => {
    expect(mappings(standard)).toHaveLength(2);
    const mapping = mappings(standard).find(({ EventSourceArn }) => flat(EventSourceArn) === '<IntakeQueue.Arn>');
    expect(flat(mapping?.FunctionName)).toBe('<IntakeOnUpload>');
    expect(mapping).toMatchObject({
      BatchSize: 10,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: 5 },
    });
    expect(flat(onUpload.Properties.Environment.Variables.STATE_MACHINE_ARN)).toBe('<WorkflowStateMachine>');
  });

  it('is left disabled by a deployment during a pause, and enabled where there are no pauses', () => {
    const enabled = (template: typeof standard) =>
      mappings(template).find(({ EventSourceArn }) => flat(EventSourceArn) === '<IntakeQueue.Arn>')?.Enabled;
    expect(enabled(standard)).toBeUndefined();
    expect(enabled(templateOf('tuned'))).toBe(true);
  });

  it('goes at the pace of the settings', () => {
    templateOf('paced').hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      BatchSize: 1,
      ScalingConfig: { MaximumConcurrency: 2 },
    });
  });
});
