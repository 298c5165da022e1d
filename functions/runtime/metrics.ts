import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { MetricName } from './metric-names.ts';

/**
 * The metrics of a deployment, written to the log in CloudWatch's embedded metric format. Namespace and service (the
 * deployment's name) come from Powertools' environment variables.
 */
const metrics = new Metrics();

/** Counts one more. */
export function count(name: MetricName): void {
  metrics.addMetric(name, MetricUnit.Count, 1);
}

/** Counts one more failed execution, by the name of its error. */
export function countFailure(error: string): void {
  metrics.singleMetric().addDimension('error', error).addMetric('Failed', MetricUnit.Count, 1);
}

/** Records for how long uploads have been held back, in all and by the reason. */
export function recordPause(reason: string, seconds: number): void {
  metrics.addMetric('Paused', MetricUnit.Seconds, seconds);
  metrics.singleMetric().addDimension('error', reason).addMetric('Paused', MetricUnit.Seconds, seconds);
}

/** Images that were uploaded longer ago than this are processed anew, by another workflow: 24 h, in milliseconds. */
const NOT_NEW = 24 * 3600 * 1000;

/** Records how long after its upload an image was delivered. */
export function timeToCutout(uploadedAt: Date): void {
  const milliseconds = Date.now() - uploadedAt.getTime();
  if (milliseconds < NOT_NEW) metrics.addMetric('UploadToCutout', MetricUnit.Milliseconds, milliseconds);
}

/** Writes what the invocation has counted. */
export function publishMetrics(): void {
  if (metrics.hasStoredMetrics()) metrics.publishStoredMetrics();
}
