import assert from 'node:assert/strict';
import type { Case } from '../case.ts';
import type { Trial } from '../trial.ts';

/** What docs/operate.md says that `cdk destroy` leaves. */
const KEPT = ['AWS::S3::Bucket', 'AWS::S3::Bucket', 'AWS::SecretsManager::Secret'];

async function leavesWhatItSays(trial: Trial): Promise<string> {
  const kept = await trial.target.platform.destroy();
  const types = kept.map(({ type }) => type).filter((type) => type !== 'AWS::S3::BucketPolicy');
  assert.deepEqual(types.sort(), KEPT);
  return kept.map(({ what }) => what).join(', ');
}

export const DESTROYED: Case[] = [
  {
    name: 'cdk destroy leaves the buckets and the secret, and nothing else',
    needs: ['a stack that is destroyed'],
    when: 'last',
    run: leavesWhatItSays,
  },
];
