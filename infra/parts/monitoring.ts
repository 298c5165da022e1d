import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  type IMetric,
  MathExpression,
  type Metric,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { errorsWhere, rowOf } from '../../functions/errors.ts';
import { ImagesDashboard } from './dashboard.ts';
import { dollarsSpent, ownMetric } from './metrics.ts';

/** Uploads that waited this long for their start are a sign that the trigger does not keep up, or fails. */
const OLDEST_MESSAGE = Duration.minutes(15).toSeconds();
const PERIOD = Duration.minutes(5);
/** Long enough to hold what keep-pause records every five minutes, whenever it begins. */
const PAUSED_PERIOD = Duration.minutes(15);
/**
 * The first period after a pause still sees the age of what waited; it takes keep-pause five minutes and Lambda one more
 * to let uploads go on.
 */
const AFTER_PAUSE_PERIODS = 2;
const PAUSED_LONG = Duration.days(9).toSeconds();

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
  /** One for each reason; its meaning and remedy follow. */
  Paused: 'Uploads are held back, and go on by themselves once it is over; or: npm run resume.',
  PausedLong: 'Uploads have been held back for nine days. SQS drops each 13 days after it came. See: npm run failures.',
} as const;
type AlarmName = Exclude<keyof typeof ALARMS, 'Paused'>;

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
  /** Most images of a day. @default - no limit */
  readonly imagesPerDay?: number | undefined;
  /** Whether uploads are held back while the gateway refuses for a reason of the account. */
  readonly pauses: boolean;
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
    const oldest = queue.metricApproximateAgeOfOldestMessage(maximum);
    if (!props.pauses) this.alarm('OldestMessage', oldest, OLDEST_MESSAGE);
    else this.alarm('OldestMessage', this.unlessPaused(oldest, deployment), OLDEST_MESSAGE, AFTER_PAUSE_PERIODS);
    this.alarm('SpendPerDay', dollarsSpent(this, deployment, Duration.days(1)), props.alarmDollarsPerDay);
    if (props.pauses) this.alarmsOnPauses(props);
    const { imagesPerDay, pauses } = props;
    new ImagesDashboard(this, 'Dashboard', {
      ...{ deployment, stateMachine, queue, imagesPerDay, pauses },
      alarms: this.alarms,
    });
  }

  /** One for each reason, so that its name says why; and one for a pause that lasts. */
  private alarmsOnPauses({ deployment, imagesPerDay }: MonitoringProps): void {
    const paused = (dimensionsMap?: Record<string, string>) =>
      ownMetric(this, deployment, 'Paused', {
        ...{ statistic: 'Maximum', period: PAUSED_PERIOD },
        ...(dimensionsMap && { dimensionsMap }),
      });
    for (const error of errorsWhere(({ pauses }) => pauses !== undefined)) {
      const { pauses, means, remedy } = rowOf(error);
      if (pauses === 'until 00:00 UTC' && imagesPerDay === undefined) continue;
      // Recorded from its first moment on, which is 0 s.
      this.add(`Paused${error}`, `${ALARMS.Paused} Reason: ${means}. ${remedy}`, paused({ error }), 0);
    }
    this.alarm('PausedLong', paused(), PAUSED_LONG);
  }

  /** The age of what waits, for as long as it is not meant to wait. */
  private unlessPaused(age: Metric, deployment: string): IMetric {
    const paused = ownMetric(this, deployment, 'Paused', { statistic: 'Maximum', period: PAUSED_PERIOD });
    return new MathExpression({
      expression: 'IF(FILL(paused, -1) < 0, age, 0)',
      usingMetrics: { age: age.with({ period: PAUSED_PERIOD }), paused },
      label: 'oldest upload that waits (s), 0 during a pause',
      period: PAUSED_PERIOD,
    });
  }

  private alarm(id: AlarmName, metric: IMetric, threshold = 1, evaluationPeriods = 1): void {
    this.add(id, ALARMS[id], metric, threshold, evaluationPeriods);
  }

  private add(id: string, alarmDescription: string, metric: IMetric, threshold: number, evaluationPeriods = 1): void {
    const alarm = new Alarm(this, id, {
      metric,
      alarmDescription,
      threshold,
      evaluationPeriods,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    if (this.#topic) alarm.addAlarmAction(new SnsAction(this.#topic));
    this.alarms.push(alarm);
  }
}
