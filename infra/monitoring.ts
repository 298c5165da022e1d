import { Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';

/** Uploads that waited this long for their start are a sign that the trigger does not keep up, or fails. */
const OLDEST_MESSAGE = Duration.minutes(15);
const PERIOD = Duration.minutes(5);

export interface MonitoringProps {
  readonly stateMachine: StateMachine;
  readonly queue: IQueue;
  /** Each must be empty. */
  readonly deadLetterQueues: Record<string, IQueue>;
  /** Where alarms go. @default - they only show in the console */
  readonly alarmTopic?: ITopic | undefined;
}

/** Alarms on what AWS's own metrics count, so that they hold where a best-effort event would not. */
export class Monitoring extends Construct {
  readonly alarms: Alarm[] = [];
  readonly #topic: ITopic | undefined;

  constructor(scope: Construct, id: string, props: MonitoringProps) {
    super(scope, id);
    this.#topic = props.alarmTopic;
    const { stateMachine, queue } = props;
    const sum = { period: PERIOD, statistic: 'Sum' };
    this.alarm(
      'Failed',
      stateMachine.metricFailed(sum),
      'Images failed: see <key>.error.json or the failed executions.',
    );
    this.alarm(
      'TimedOut',
      stateMachine.metricTimedOut(sum),
      'Executions ran into the time limit of the state machine.',
    );
    this.alarm('Aborted', stateMachine.metricAborted(sum), 'Executions were stopped by somebody.');
    for (const [name, deadLetters] of Object.entries(props.deadLetterQueues)) {
      const metric = deadLetters.metricApproximateNumberOfMessagesVisible({ period: PERIOD, statistic: 'Maximum' });
      this.alarm(
        name,
        metric,
        'Events could not be processed: see the function’s log, then move the dead letters back.',
      );
    }
    const age = queue.metricApproximateAgeOfOldestMessage({ period: PERIOD, statistic: 'Maximum' });
    this.alarm('OldestMessage', age, 'Uploads wait long for their start.', OLDEST_MESSAGE.toSeconds());
  }

  private alarm(id: string, metric: IMetric, alarmDescription: string, threshold = 1): void {
    const alarm = new Alarm(this, id, {
      metric,
      alarmDescription,
      threshold,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    if (this.#topic) alarm.addAlarmAction(new SnsAction(this.#topic));
    this.alarms.push(alarm);
  }
}
