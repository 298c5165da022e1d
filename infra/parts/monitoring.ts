import { Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { ImagesDashboard } from './dashboard.ts';
import { dollarsSpent } from './metrics.ts';

/** Uploads that waited this long for their start are a sign that the trigger does not keep up, or fails. */
const OLDEST_MESSAGE = Duration.minutes(15);
const PERIOD = Duration.minutes(5);

/** What each alarm means and what to do; docs/operate.md says the same at more length. */
export const ALARMS = {
  Failed: 'Images failed. See <key>.error.json, or: npm run failures. Then: npm run redrive.',
  TimedOut: 'Executions ran into the time limit of the state machine, which should never happen. Redrive them.',
  Aborted: 'Somebody stopped executions. Redrive those that were stopped by mistake.',
  DeadLetters: 'Uploads could not be started. See the log of on-upload, then run MoveDeadLettersCommand.',
  FailureDeadLetters: 'Failures could not be reported: their error files are missing. See: npm run failures.',
  OldestMessage:
    'Uploads wait long for their start. See the log of on-upload. While a paced burst drains, this is expected.',
  SpendPerDay:
    'More was spent at the gateway within 24 hours than alarmDollarsPerDay. If it is not meant: see which uploads came, and set imagesPerDay.',
} as const;
type AlarmName = keyof typeof ALARMS;

export interface MonitoringProps {
  /** Name that the functions' own metrics carry. */
  readonly deployment: string;
  readonly stateMachine: StateMachine;
  readonly queue: IQueue;
  /** Upload events that could not be processed. */
  readonly deadLetterQueue: IQueue;
  /** Events of failed executions that could not be reported. */
  readonly failureDeadLetterQueue: IQueue;
  /** Dollars at the gateway within 24 hours from which on an alarm goes off. */
  readonly alarmDollarsPerDay: number;
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
    const { deployment, stateMachine, queue } = props;
    const sum = { period: PERIOD, statistic: 'Sum' };
    const maximum = { period: PERIOD, statistic: 'Maximum' };
    this.alarm('Failed', stateMachine.metricFailed(sum));
    this.alarm('TimedOut', stateMachine.metricTimedOut(sum));
    this.alarm('Aborted', stateMachine.metricAborted(sum));
    this.alarm('DeadLetters', props.deadLetterQueue.metricApproximateNumberOfMessagesVisible(maximum));
    this.alarm('FailureDeadLetters', props.failureDeadLetterQueue.metricApproximateNumberOfMessagesVisible(maximum));
    this.alarm('OldestMessage', queue.metricApproximateAgeOfOldestMessage(maximum), OLDEST_MESSAGE.toSeconds());
    this.alarm('SpendPerDay', dollarsSpent(this, deployment, Duration.days(1)), props.alarmDollarsPerDay);
    new ImagesDashboard(this, 'Dashboard', { deployment, stateMachine, queue, alarms: this.alarms });
  }

  private alarm(id: AlarmName, metric: IMetric, threshold = 1): void {
    const alarm = new Alarm(this, id, {
      metric,
      alarmDescription: ALARMS[id],
      threshold,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    if (this.#topic) alarm.addAlarmAction(new SnsAction(this.#topic));
    this.alarms.push(alarm);
  }
}
