import { gunzipSync } from 'node:zlib';
import type { LocalS3 } from '../s3.ts';
import type { Json } from './definition.ts';
import { named } from './execution.ts';
import type { CallListener } from './tasks.ts';

type Source = { Bucket?: string; Prefix?: string; Key?: string; VersionId?: string };
type ReaderConfig = {
  InputType?: string;
  CSVHeaderLocation?: string;
  CSVHeaders?: string[];
  CSVDelimiter?: string;
  MaxItems?: number;
};
/** What an S3 inventory's `manifest.json` says. */
type Manifest = { destinationBucket: string; fileFormat: string; fileSchema: string; files: { key: string }[] };

const DELIMITERS: Record<string, string> = { COMMA: ',', PIPE: '|', SEMICOLON: ';', SPACE: ' ', TAB: '\t' };

/** The items that a Distributed Map's ItemReader finds in S3, each as AWS passes it to a child execution. */
export function readItems(
  s3: LocalS3,
  resource: string,
  source: Source,
  config: ReaderConfig,
  onCall: CallListener,
): Json[] {
  try {
    const items = resource.endsWith(':s3:listObjectsV2')
      ? listed(s3, source, onCall)
      : contained(s3, source, config, onCall);
    return config.MaxItems ? items.slice(0, config.MaxItems) : items;
  } catch (error) {
    throw named('States.ItemReaderFailed', (error as Error).message);
  }
}

function listed(s3: LocalS3, { Bucket = '', Prefix = '' }: Source, onCall: CallListener): Json[] {
  onCall('S3.ListObjectsV2', { bucket: Bucket, prefix: Prefix });
  return s3.list(Bucket, Prefix).flatMap((key) => {
    const object = s3.get(Bucket, key);
    if (!object) return [];
    return {
      Etag: `"${object.etag}"`,
      Key: key,
      LastModified: Math.floor(object.lastModified.getTime() / 1000),
      Size: object.body.length,
      StorageClass: 'STANDARD',
    };
  });
}

function contained(
  s3: LocalS3,
  { Bucket: bucket = '', Key: key = '', VersionId: versionId }: Source,
  config: ReaderConfig,
  onCall: CallListener,
): Json[] {
  const body = read(s3, { bucket, key, versionId }, onCall);
  switch (config.InputType) {
    case 'JSON': {
      const items = JSON.parse(body.toString());
      if (!Array.isArray(items)) throw new Error(`${key} must be a JSON array`);
      return items;
    }
    case 'JSONL':
      return body
        .toString()
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line));
    case 'CSV': {
      const rows = parseCsv(body.toString(), DELIMITERS[config.CSVDelimiter ?? 'COMMA']);
      const headers = config.CSVHeaderLocation === 'GIVEN' ? config.CSVHeaders : rows.shift();
      return records(rows, headers ?? []);
    }
    case 'MANIFEST': {
      const { destinationBucket, fileFormat, fileSchema, files }: Manifest = JSON.parse(body.toString());
      if (fileFormat !== 'CSV') throw new Error(`The inventory's format must be CSV, not ${fileFormat}`);
      const reports = destinationBucket.replace(/^arn:[^:]+:s3:::/, '');
      const rowsOf = (file: string) =>
        parseCsv(gunzipSync(read(s3, { bucket: reports, key: file }, onCall)).toString());
      const headers = fileSchema.split(',').map((name) => name.trim());
      return files.flatMap((file) => records(rowsOf(file.key), headers));
    }
    default:
      throw new Error(`The local run does not know the InputType ${config.InputType}`);
  }
}

function read(
  s3: LocalS3,
  object: { bucket: string; key: string; versionId?: string | undefined },
  onCall: CallListener,
): Buffer {
  const { bucket, key, versionId } = object;
  onCall('S3.GetObject', object);
  const found = s3.get(bucket, key, versionId);
  if (!found) throw new Error(`There is no object s3://${bucket}/${key}`);
  return found.body;
}

function records(rows: string[][], headers: string[]): Json[] {
  return rows.map((row) => Object.fromEntries(headers.map((name, index) => [name, row[index] ?? ''])));
}

/** Rows of fields, which may stand in quotes; a quote within is doubled. */
function parseCsv(text: string, delimiter = ','): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let field = '';
  let quoted = false;
  const endField = () => {
    row.push(field);
    field = '';
  };
  const endRow = () => {
    endField();
    if (row.length > 1 || row[0] !== '') rows.push(row);
    row = [];
  };
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string;
    if (quoted && char === '"' && text[at + 1] === '"') field += text[++at];
    else if (char === '"') quoted = !quoted;
    else if (quoted) field += char;
    else if (char === delimiter) endField();
    else if (char === '\n') endRow();
    else if (char !== '\r') field += char;
  }
  endRow();
  return rows;
}
