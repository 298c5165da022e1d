import assert from 'node:assert/strict';
import type { Case } from '../case.ts';
import type { Trial } from '../trial.ts';
import { delivered, madeFrom } from './check.ts';
import { picture } from './pictures.ts';

async function kms(trial: Trial): Promise<void> {
  const image = await picture();
  const upload = await trial.upload('Kms', 'secret.png', image);
  const [result] = delivered(await trial.ended(upload));
  await madeFrom(trial, result, image);
  for (const { bucket, key } of [upload, result]) {
    const { ServerSideEncryption, SSEKMSKeyId } = (await trial.target.objects.head(bucket, key)) ?? {};
    assert.equal(ServerSideEncryption, 'aws:kms', key);
    assert.ok(SSEKMSKeyId, key);
  }
}

async function insisting(trial: Trial): Promise<string> {
  const { results } = trial.places('Kms');
  const careless = trial.target.objects.put(results, `${trial.token}/careless.png`, await picture(), {
    ServerSideEncryption: 'AES256',
  });
  await assert.rejects(careless, { name: 'AccessDenied' }, 'The policy lets somebody write without the key');
  delivered(await trial.ended(await trial.upload('Kms', 'allowed.png', await picture())));
  // In several parts, as S3 takes it.
  await trial.gateway({ resultBytes: 20_000_000 });
  delivered(await trial.ended(await trial.upload('Kms', 'large.png', await picture())));
  return 'in one part and in several';
}

async function kmsBackfill(trial: Trial): Promise<void> {
  const { backfillArn, results } = trial.places('Kms');
  const [{ key }] = delivered(await trial.ended(await trial.upload('Kms', 'old.png', await picture())));
  await trial.target.objects.delete(results, key);
  const input = { prefix: `${trial.token}/` };
  const execution = await trial.run(backfillArn, 'kms', input, 20 * 60_000);
  assert.equal(execution.status, 'SUCCEEDED', `${execution.error}: ${execution.cause}`);
  assert.equal(JSON.parse(execution.output ?? '{}').delivered, 1);
}

/** Buckets that are encrypted with a customer's key. */
export const ENCRYPTION: Case[] = [
  { name: 'Uploads and results are encrypted with a KMS key', needs: ['KMS'], run: kms },
  { name: 'Results pass a policy that insists on the KMS key', run: insisting },
  { name: 'A backfill writes its lists beside a policy that insists on the KMS key', run: kmsBackfill },
];
