import { describe, expect, it } from 'vitest';
import { synthesize } from '../../../local/template.ts';
import { flat, mappings, resource } from '../read-template.ts';
import { templateOf } from '../synth.ts';

const standard = templateOf('default');

describe('the report of a failure', () => {
  const rule = resource(standard, 'AWS::Events::Rule', 'FailuresRule');

  it('is made for executions of this state machine that failed, timed out or were aborted', () => {
    const { detail, ...pattern } = rule.Properties.EventPattern;
    expect(pattern).toEqual({ source: ['aws.states'], 'detail-type': ['Step Functions Execution Status Change'] });
    expect(detail.stateMachineArn.map(flat)).toEqual(['<WorkflowStateMachine>']);
    expect([...detail.status].sort()).toEqual(['ABORTED', 'FAILED', 'TIMED_OUT']);
    expect(Object.keys(detail).sort()).toEqual(['stateMachineArn', 'status']);
  });

  it('waits in a queue, so that thousands of failures at once are reported at a pace that Step Functions answers', () => {
    expect(rule.Properties.Targets).toHaveLength(1);
    expect(flat(rule.Properties.Targets[0].Arn)).toBe('<FailuresQueue.Arn>');
    const mapping = mappings(standard).find(({ EventSourceArn }) => flat(EventSourceArn) === '<FailuresQueue.Arn>');
    expect(flat(mapping?.FunctionName)).toBe('<FailuresReportFailure>');
    expect(mapping).toMatchObject({ BatchSize: 1, ScalingConfig: { MaximumConcurrency: 2 } });
  });

  it('is tried for over an hour, and then kept in a dead-letter queue, whether the rule or the function failed', () => {
    expect(flat(rule.Properties.Targets[0].DeadLetterConfig.Arn)).toBe('<FailuresDeadLetterQueue.Arn>');
    const { RedrivePolicy, VisibilityTimeout } = resource(standard, 'AWS::SQS::Queue', 'FailuresQueue').Properties;
    expect(flat(RedrivePolicy.deadLetterTargetArn)).toBe('<FailuresDeadLetterQueue.Arn>');
    expect(RedrivePolicy.maxReceiveCount * VisibilityTimeout).toBeGreaterThanOrEqual(3600);
    const { Timeout } = resource(standard, 'AWS::Lambda::Function', 'FailuresReportFailure').Properties;
    expect(VisibilityTimeout).toBeGreaterThanOrEqual(6 * Timeout);
  });
});

describe('the rule for failed executions', () => {
  it('queues the ARN of an execution alone: its input may hold a signed URL', () => {
    const rule = synthesize()
      .resources('AWS::Events::Rule')
      .find(({ logicalId }) => logicalId.includes('Failures'));
    const [target, ...others] = rule?.properties.Targets ?? [];
    expect(others).toEqual([]);
    expect(Object.values(target.InputTransformer.InputPathsMap)).toEqual(['$.detail.executionArn']);
    expect(JSON.parse(target.InputTransformer.InputTemplate.replace(/<[^>]+>/g, '"arn"'))).toEqual({
      detail: { executionArn: 'arn' },
    });
  });
});
