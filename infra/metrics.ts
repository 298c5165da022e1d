import { Duration } from 'aws-cdk-lib';
import { Metric, type MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import type { MetricName } from '../functions/shared/metrics.ts';

/** The CloudWatch namespace of the functions' own metrics. */
export const METRICS_NAMESPACE = 'Cutout';

/** A metric that the functions of a deployment write. */
export function ownMetric(
  deployment: string,
  metricName: MetricName | 'UploadToCutout',
  options: MetricOptions = {},
): Metric {
  return new Metric({
    namespace: METRICS_NAMESPACE,
    metricName,
    dimensionsMap: { service: deployment },
    statistic: 'Sum',
    period: Duration.minutes(5),
    ...options,
  });
}
