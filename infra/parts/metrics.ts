import { Duration } from 'aws-cdk-lib';
import { Metric, type MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import type { IConstruct } from 'constructs';
import { METRICS_NAMESPACE, type MetricName } from '../../functions/runtime/metric-names.ts';

export { METRICS_NAMESPACE };

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
