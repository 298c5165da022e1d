import type { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import {
  JsonPath,
  OutputType,
  ResultWriterV2,
  S3JsonLItemReader,
  S3ObjectsItemReader,
  Transformation,
  WriterConfig,
} from 'aws-cdk-lib/aws-stepfunctions';

// The CDK's readers and writers would permit whole buckets. `permissions.ts` permits what they need, within prefixes.

/** The objects of a bucket under the backfill's prefix. */
export class ListedObjects extends S3ObjectsItemReader {
  constructor(bucket: IBucket) {
    super({ bucket, prefix: JsonPath.stringAt('$.backfill.prefix') });
  }

  override providePolicyStatements(): PolicyStatement[] {
    return [];
  }
}

/** The images that the plan lists, one a line. */
export class PlannedImages extends S3JsonLItemReader {
  constructor(bucket: IBucket) {
    super({ bucket, key: JsonPath.stringAt('$.plan.imagesKey') });
  }

  override providePolicyStatements(): PolicyStatement[] {
    return [];
  }
}

/** Results of a Map Run as JSON Lines, in a folder of the backfill's own. */
export class FolderOfBackfill extends ResultWriterV2 {
  constructor(bucket: IBucket, folder: string) {
    super({
      bucket,
      prefix: JsonPath.format(`{}${folder}`, JsonPath.stringAt('$.backfill.reportPrefix')),
      writerConfig: new WriterConfig({ transformation: Transformation.COMPACT, outputType: OutputType.JSONL }),
    });
  }

  override providePolicyStatements(): PolicyStatement[] {
    return [];
  }
}
