import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { errorsWhere, rowOf } from '../../../functions/errors.ts';
import { flat, resource, resources } from '../read-template.ts';
import { templateOf } from '../synth.ts';

const standard = templateOf('default');

describe('the alarms', () => {
  const EXPECTED = {
    MonitoringFailed: ['AWS/States', 'ExecutionsFailed', 'Sum', 1, '<WorkflowStateMachine>'],
    MonitoringTimedOut: ['AWS/States', 'ExecutionsTimedOut', 'Sum', 1, '<WorkflowStateMachine>'],
    MonitoringAborted: ['AWS/States', 'ExecutionsAborted', 'Sum', 1, '<WorkflowStateMachine>'],
    MonitoringDeadLetters: [
      'AWS/SQS',
      'ApproximateNumberOfMessagesVisible',
      'Maximum',
      1,
      '<IntakeDeadLetterQueue.QueueName>',
    ],
    MonitoringFailureDeadLetters: [
      'AWS/SQS',
      'ApproximateNumberOfMessagesVisible',
      'Maximum',
      1,
      '<FailuresDeadLetterQueue.QueueName>',
    ],
    MonitoringPausedLong: ['Cutout', 'Paused', 'Maximum', 777_600, expect.stringMatching(/^Cutout-/)],
  };

  it('watch failed, timed out and aborted executions, both dead-letter queues, and pauses of nine days', () => {
    const onOneMetric = Object.entries(resources(standard, 'AWS::CloudWatch::Alarm')).filter(
      ([name]) => name in EXPECTED,
    );
    const alarms = onOneMetric.map(([name, { Properties }]) => {
      const { Namespace, MetricName, Statistic, Threshold, Dimensions } = Properties;
      expect(Dimensions).toHaveLength(1);
      return [name, [Namespace, MetricName, Statistic, Threshold, flat(Dimensions[0].Value)]];
    });
    expect(Object.fromEntries(alarms)).toEqual(EXPECTED);
  });

  it('count the dollars of a day at the gateway: what was sent and not refused, at the price of an image', () => {
    const { Threshold, Metrics } = resource(standard, 'AWS::CloudWatch::Alarm', 'MonitoringSpendPerDay').Properties;
    const [sum, ...sums] = Metrics;
    expect(Threshold).toBe(50);
    expect(sum).toMatchObject({ Expression: '(FILL(sent, 0) - FILL(refused, 0)) * 0.018' });
    expect(sums).toMatchObject(
      ['Sent', 'Refused'].map((MetricName) => ({
        Id: MetricName.toLowerCase(),
        ReturnData: false,
        MetricStat: { Metric: { Namespace: 'Cutout', MetricName }, Period: 86_400, Stat: 'Sum' },
      })),
    );
    const tuned = resource(templateOf('tuned'), 'AWS::CloudWatch::Alarm', 'MonitoringSpendPerDay');
    expect(tuned.Properties.Threshold).toBe(20);
  });

  it('tell of a pause from its first moment on, by an alarm for each reason, whose text says why and what to do', () => {
    const pausing = errorsWhere(({ pauses }) => pauses !== undefined);
    const paused = (template: typeof standard) =>
      Object.entries(resources(template, 'AWS::CloudWatch::Alarm')).filter(([name]) => /Paused(?!Long)/.test(name));
    for (const [name, { Properties }] of paused(standard)) {
      const { MetricName, Statistic, Threshold, Dimensions, AlarmDescription } = Properties;
      expect({ MetricName, Statistic, Threshold }).toEqual({
        MetricName: 'Paused',
        Statistic: 'Maximum',
        Threshold: 0,
      });
      const [{ Value: error }] = Dimensions.filter(({ Name }: { Name: string }) => Name === 'error');
      expect(name).toBe(`MonitoringPaused${error}`);
      expect(AlarmDescription).toContain(rowOf(error).remedy);
    }
    // Where there is no limit, none is reached.
    expect(paused(standard)).toHaveLength(pausing.length - 1);
    expect(paused(templateOf('paced'))).toHaveLength(pausing.length);
    expect(paused(templateOf('tuned'))).toHaveLength(0);
  });

  it('are silent about the age of uploads that are held back', () => {
    const { Threshold, Metrics } = resource(standard, 'AWS::CloudWatch::Alarm', 'MonitoringOldestMessage').Properties;
    const [result, ...used] = Metrics;
    expect(Threshold).toBe(900);
    expect(result).toMatchObject({ Expression: 'IF(FILL(paused, -1) < 0, age, 0)' });
    // What keep-pause records every five minutes is in each of these periods, whenever it begins.
    for (const { MetricStat } of used) expect(MetricStat).toMatchObject({ Period: 900, Stat: 'Maximum' });
    expect(
      used.map(({ MetricStat }: { MetricStat: { Metric: { MetricName: string } } }) => MetricStat.Metric.MetricName),
    ).toEqual(expect.arrayContaining(['ApproximateAgeOfOldestMessage', 'Paused']));
    const { MetricName, Period } = resource(
      templateOf('tuned'),
      'AWS::CloudWatch::Alarm',
      'MonitoringOldestMessage',
    ).Properties;
    expect({ MetricName, Period }).toEqual({ MetricName: 'ApproximateAgeOfOldestMessage', Period: 300 });
  });

  it('go off at the threshold itself, at once but after a pause, and not for want of data', () => {
    for (const [name, { Properties }] of Object.entries(resources(standard, 'AWS::CloudWatch::Alarm'))) {
      expect([undefined, 300, 900]).toContain(Properties.Period);
      expect(Properties).toMatchObject({
        ComparisonOperator: 'GreaterThanOrEqualToThreshold',
        // The first period after a pause still sees the age of what was held back.
        EvaluationPeriods: name === 'MonitoringOldestMessage' ? 2 : 1,
        TreatMissingData: 'notBreaching',
      });
      expect(Properties.AlarmDescription).toMatch(/\.$/);
    }
  });

  it('only show in the console without an address', () => {
    standard.resourceCountIs('AWS::SNS::Topic', 0);
    standard.allResourcesProperties('AWS::CloudWatch::Alarm', { AlarmActions: Match.absent() });
  });

  it('all go to the address that is given', () => {
    const template = templateOf('email');
    template.resourceCountIs('AWS::SNS::Topic', 1);
    const [subscription, ...others] = Object.values(resources(template, 'AWS::SNS::Subscription'));
    expect(others).toEqual([]);
    expect(subscription?.Properties).toMatchObject({ Protocol: 'email', Endpoint: 'images@example.com' });
    expect(flat(subscription?.Properties.TopicArn)).toBe('<AlarmTopic>');
    const alarms = Object.values(resources(template, 'AWS::CloudWatch::Alarm'));
    expect(alarms).toHaveLength(12);
    for (const { Properties } of alarms) expect(Properties.AlarmActions.map(flat)).toEqual(['<AlarmTopic>']);
  });

  it('go to a topic that is not encrypted with a key which alarms may not use, and that takes nothing without TLS', () => {
    const template = templateOf('email');
    expect(resource(template, 'AWS::SNS::Topic', 'AlarmTopic').Properties ?? {}).not.toHaveProperty('KmsMasterKeyId');
    template.hasResourceProperties('AWS::SNS::TopicPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
          // A topic with a policy admits only whom that names.
          Match.objectLike({
            Effect: 'Allow',
            Action: 'sns:Publish',
            Principal: { Service: 'cloudwatch.amazonaws.com' },
            Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
          }),
        ]),
      },
    });
  });
});
