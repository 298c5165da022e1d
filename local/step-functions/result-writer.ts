import type { LocalS3 } from '../s3.ts';
import type { DistributedMap, Json } from './definition.ts';
import { describeChild, type Execution, named } from './execution.ts';
import type { CallListener } from './tasks.ts';

type WriterConfig = NonNullable<DistributedMap['ResultWriter']>['WriterConfig'];

/** A child execution of a Map Run, or one that was never started. */
export interface Child {
  input: string;
  execution?: Execution;
}

/** The outputs of the children that succeeded, as the WriterConfig wants them. */
export function resultsOf(children: Child[], { Transformation }: NonNullable<WriterConfig>): Json[] {
  const succeeded = children.flatMap(({ execution }) => (execution?.status === 'SUCCEEDED' ? [execution] : []));
  if (Transformation === 'NONE') return succeeded.map(describeChild);
  const outputs: Json[] = succeeded.map(({ output }) => JSON.parse(output ?? 'null'));
  return Transformation === 'FLATTEN' ? outputs.flat() : outputs;
}

/** Writes the results of a Map Run to S3. @returns where its manifest lies */
export function writeResults(
  s3: LocalS3,
  { Bucket = '', Prefix = '' }: { Bucket?: string; Prefix?: string },
  config: WriterConfig,
  mapRunArn: string,
  children: Child[],
  onCall: CallListener,
): { Bucket: string; Key: string } {
  const folder = `${Prefix.replace(/(?<=[^/])$/, '/')}${mapRunArn.split(':').at(-1)}`;
  const lines = config?.OutputType === 'JSONL';
  const put = (Key: string, text: string) => {
    onCall('S3.WriteResults', { bucket: Bucket, key: Key });
    s3.put(Bucket, Key, Buffer.from(text), 'application/json');
  };
  const write = (name: string, results: Json[]) => {
    if (results.length === 0) return [];
    const Key = `${folder}/${name}_0.${lines ? 'jsonl' : 'json'}`;
    const text = lines ? results.map((each) => JSON.stringify(each)).join('\n') : JSON.stringify(results);
    put(Key, text);
    return [{ Key, Size: Buffer.byteLength(text) }];
  };
  const failed = children.flatMap(({ execution }) =>
    execution && execution.status !== 'SUCCEEDED' ? [describeChild(execution)] : [],
  );
  const pending = children
    .filter(({ execution }) => !execution)
    .map(({ input }) => ({ Input: input, InputDetails: { Included: true }, Status: 'PENDING' }));
  try {
    const manifest = {
      DestinationBucket: Bucket,
      MapRunArn: mapRunArn,
      ResultFiles: {
        FAILED: write('FAILED', failed),
        PENDING: write('PENDING', pending),
        SUCCEEDED: write('SUCCEEDED', resultsOf(children, { Transformation: 'NONE', ...config })),
      },
    };
    const Key = `${folder}/manifest.json`;
    put(Key, JSON.stringify(manifest));
    return { Bucket, Key };
  } catch (error) {
    throw named('States.ResultWriterFailed', (error as Error).message);
  }
}
