import { Duration } from 'aws-cdk-lib';
import { type IMetric, MathExpression, Metric, type MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import type { IConstruct } from 'constructs';
import { PRICE_PER_IMAGE_USD } from '../../functions/gateway/model.ts';
import { METRICS_NAMESPACE, type MetricName } from '../../functions/runtime/metric-names.ts';

export { METRICS_NAMESPACE };

/** Names of the functions' own metrics. */
export type OwnMetricName = MetricName | 'UploadToCutout' | 'Failed' | 'Paused';

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

/**
 * What as many submissions as an expression says cost, in dollars.
 *
 * @param images Such as `sent - refused`, of the names in `usingMetrics`.
 */
export function dollarsFor(
  images: string,
  usingMetrics: Record<string, IMetric>,
  options: { readonly label: string; readonly period: Duration },
): MathExpression {
  // Sums are missing, not 0, where nothing was counted.
  const filled = images.replace(/\w+/g, (id) => `FILL(${id}, 0)`);
  return new MathExpression({ expression: `(${filled}) * ${PRICE_PER_IMAGE_USD}`, usingMetrics, ...options });
}

/** What may have been spent at the gateway: all that was sent and not surely refused. */
export function dollarsSpent(scope: IConstruct, deployment: string, period: Duration): MathExpression {
  const own = (name: OwnMetricName) => ownMetric(scope, deployment, name, { period });
  return dollarsFor('sent - refused', { sent: own('Sent'), refused: own('Refused') }, { label: 'spent ($)', period });
}
