import type { Readable } from 'node:stream';
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import * as v from 'valibot';

/** What a Map Run's ResultWriter writes last: where the results of its child executions are. */
const Manifest = v.object({
  ResultFiles: v.record(v.picklist(['SUCCEEDED', 'FAILED', 'PENDING']), v.array(v.object({ Key: v.string() }))),
});

/**
 * The results of a Map Run's child executions that ended so, as its ResultWriter wrote them: JSON Lines.
 *
 * @param manifestKey Key of the Map Run's `manifest.json`.
 */
export async function* mapResults(
  s3: S3Client,
  { bucket, manifestKey }: { bucket: string; manifestKey: string },
  status: 'SUCCEEDED' | 'FAILED',
): AsyncGenerator<unknown> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: manifestKey }));
  const manifest = v.parse(Manifest, JSON.parse((await Body?.transformToString()) ?? ''));
  for (const { Key } of manifest.ResultFiles[status] ?? []) {
    const file = await s3.send(new GetObjectCommand({ Bucket: bucket, Key }));
    for await (const line of linesOf(file.Body as Readable)) {
      if (line.trim() !== '') yield JSON.parse(line);
    }
  }
}

/** Splits at `\n` alone: keys, and so JSON texts, may hold U+2028 and U+2029, at which `readline` splits too. */
async function* linesOf(body: Readable): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of body.setEncoding('utf8')) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  yield rest;
}
