import assert from 'node:assert/strict';
import { ListMetricsCommand } from '@aws-sdk/client-cloudwatch';
import { METRICS_NAMESPACE } from '../../../functions/runtime/metric-names.ts';
import type { Case } from '../case.ts';
import type { Trial } from '../trial.ts';
import { delivered } from './check.ts';
import { picture } from './pictures.ts';

/** What every deployment that delivers has written. */
const EXPECTED = ['Uploads', 'Sent', 'Submissions', 'Delivered', 'UploadToCutout'];

async function arrive(trial: Trial): Promise<string> {
  delivered(await trial.ended(await trial.upload('Main', 'measured.png', await picture())));
  const { cloudWatch: client } = trial.target.clients;
  const named = async (MetricName: string) => {
    const { Metrics = [] } = await client.send(new ListMetricsCommand({ Namespace: METRICS_NAMESPACE, MetricName }));
    return Metrics.filter(({ Dimensions = [] }) => Dimensions.some(({ Value }) => Value?.startsWith('CutoutInteg')));
  };
  for (const name of EXPECTED) {
    // New metrics are listed some minutes after they came.
    const found = await trial.until(
      `the metric ${name}`,
      async () => {
        const metrics = await named(name);
        return metrics.length > 0 ? metrics : undefined;
      },
      20 * 60_000,
    );
    assert.ok(found.length > 0);
  }
  return EXPECTED.join(', ');
}

export const METRICS: Case[] = [{ name: 'Metrics arrive in CloudWatch', needs: ['CloudWatch metrics'], run: arrive }];
