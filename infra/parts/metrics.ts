import { Duration } from 'aws-cdk-lib';
import { Metric, type MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import type { IConstruct } from 'constructs';
import type { MetricName } from '../../functions/runtime/metric-names.ts';

/** The CloudWatch namespace of the functions' own metrics. */
export const METRICS_NAMESPACE = 'Cutout';

/** Names of the functions' own metrics. */
export type OwnMetricName = MetricName | 'UploadToCutout' | 'Failed';

/** A metric that the functions of a deployment write, in the region and account of the scope's stack. */
export function ownMetric(
  scope: IConstruct,
  deployment: string,
  metricName: OwnMetricName,
  { dimensionsMap, ...options }: MetricOptions = {},
): Metric {
  return new Metric({
    namespace: METRICS_NAMESPACE,
    metricName,
    dimensionsMap: { service: deployment, ...dimensionsMap },
    statistic: 'Sum',
    period: Duration.minutes(5),
    ...options,
  }).attachTo(scope);
}
