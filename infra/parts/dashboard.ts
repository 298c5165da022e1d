import { Duration, Stack } from 'aws-cdk-lib';
import {
  type Alarm,
  AlarmStatusWidget,
  Dashboard,
  GraphWidget,
  type IMetric,
  type IWidget,
  MathExpression,
  SingleValueWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { PRICE_PER_IMAGE_USD } from '../../functions/gateway/model.ts';
import { text } from './function.ts';
import { dollarsFor, dollarsSpent, METRICS_NAMESPACE, type OwnMetricName, ownMetric } from './metrics.ts';

export interface ImagesDashboardProps {
  readonly deployment: string;
  readonly stateMachine: StateMachine;
  readonly queue: IQueue;
  readonly alarms: Alarm[];
  /** Most images of a day. @default - no limit */
  readonly imagesPerDay?: number | undefined;
  /** Whether uploads are held back while the gateway refuses for a reason of the account. */
  readonly pauses: boolean;
}

const PERIOD = Duration.minutes(5);

/** One page that answers: are images coming through, how fast, what fails, and what does it cost? */
export class ImagesDashboard extends Dashboard {
  constructor(scope: Construct, id: string, props: ImagesDashboardProps) {
    super(scope, id, { defaultInterval: Duration.days(1) });
    const { deployment, stateMachine, queue, imagesPerDay, pauses } = props;
    const own = (name: OwnMetricName, statistic?: string) =>
      ownMetric(this, deployment, name, { period: PERIOD, ...(statistic && { statistic, label: statistic }) });

    this.addWidgets(new AlarmStatusWidget({ title: 'Alarms', alarms: props.alarms, width: 24, height: 3 }));
    const cap =
      imagesPerDay === undefined ? 'no limit' : `at most ${text(imagesPerDay)} images, at $${PRICE_PER_IMAGE_USD} each`;
    this.addWidgets(
      // A day, by UTC: the latest period of this length is today.
      single(`Spent at the gateway today ($; ${cap})`, dollarsSpent(this, deployment, Duration.days(1))),
      single('Uploads that wait for their start', queue.metricApproximateNumberOfMessagesVisible({ period: PERIOD })),
      ...(pauses ? [graph('Uploads held back for (s)', [own('Paused', 'Maximum')])] : []),
    );
    this.addWidgets(
      graph('Images in and out', [own('Uploads'), own('Submissions'), own('Delivered'), own('Superseded')]),
      graph('Failed, by error', [
        new MathExpression({
          // A search, because which errors there are is known only once they happen.
          expression: `SEARCH('{${METRICS_NAMESPACE},service,error} MetricName="Failed" service="${deployment}"', 'Sum', 300)`,
          label: '',
          searchRegion: Stack.of(this).region,
          usingMetrics: {},
        }),
      ]),
      graph('Time from upload to cutout (ms)', [own('UploadToCutout', 'p50'), own('UploadToCutout', 'p95')]),
    );
    this.addWidgets(
      graph('Oldest upload that waits for its start (s)', [
        queue.metricApproximateAgeOfOldestMessage({ period: PERIOD, statistic: 'Maximum' }),
      ]),
      graph('Executions', [
        stateMachine.metricStarted({ period: PERIOD }),
        stateMachine.metricSucceeded({ period: PERIOD }),
        stateMachine.metricFailed({ period: PERIOD }),
        stateMachine.metricThrottled({ period: PERIOD }),
      ]),
      graph(`Spent at the gateway, at $${PRICE_PER_IMAGE_USD} an image ($)`, [
        dollarsFor('accepted', { accepted: own('Submissions') }, { label: 'accepted', period: PERIOD }),
        dollarsFor(
          'sent - taken - refused',
          { sent: own('Sent'), taken: own('Submissions'), refused: own('Refused') },
          { label: 'perhaps accepted (outcome unknown)', period: PERIOD },
        ),
      ]),
    );
  }
}

function single(title: string, metric: IMetric): IWidget {
  return new SingleValueWidget({ title, metrics: [metric], width: 8, height: 6 });
}

function graph(title: string, left: IMetric[]): IWidget {
  return new GraphWidget({ title, left, width: 8, leftYAxis: { min: 0 } });
}
