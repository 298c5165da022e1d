import { document, Markup, xml } from '../s3/xml.ts';
import type { Call, Protocol } from './call.ts';

/** An HTTP answer. */
export interface Answer {
  headers: Record<string, string>;
  body: string | Buffer;
}

const JSON_TYPES: Record<Exclude<Protocol, 'query' | 'cbor'>, string> = {
  json: 'application/x-amz-json-1.0',
  rest: 'application/json',
};

/** Writes what an operation put out, in the protocol of the call. */
export function outputAnswer(call: Call, output: unknown): Answer {
  if (call.protocol === 'query') return formAnswer(call, output as Output);
  // No operation here is offered in CBOR.
  const type = JSON_TYPES[call.protocol === 'rest' ? 'rest' : 'json'];
  return { headers: { 'content-type': type }, body: JSON.stringify(output) };
}

/** Writes an error, in the protocol of the call, so that clients know it by its name. */
export function errorAnswer(protocol: Protocol, { name, message }: Error): Answer {
  if (protocol === 'query') {
    const error = xml`<Error><Type>Sender</Type><Code>${name}</Code><Message>${message}</Message></Error>`;
    return xmlAnswer(xml`<ErrorResponse>${error}<RequestId>local</RequestId></ErrorResponse>`);
  }
  if (protocol === 'cbor') {
    const headers = { 'content-type': 'application/cbor', 'smithy-protocol': 'rpc-v2-cbor' };
    return { headers, body: cborMap({ __type: name, message }) };
  }
  const headers = { 'content-type': JSON_TYPES[protocol], 'x-amzn-errortype': name };
  return { headers, body: JSON.stringify({ __type: name, message }) };
}

type Output = { [field: string]: Output | Output[] | string | number | undefined };

/** An answer to a form, in XML. SQS's lists have no element around them, those of all others have. */
function formAnswer({ service, operation }: Call, output: Output): Answer {
  const isFlat = service === 'AmazonSQS';
  const result = element(`${operation}Result`, fields(output, isFlat));
  const metadata = xml`<ResponseMetadata><RequestId>local</RequestId></ResponseMetadata>`;
  return xmlAnswer(element(`${operation}Response`, [result, metadata]));
}

function fields(output: Output, isFlat: boolean): Markup[] {
  return Object.entries(output).flatMap(([name, value]) => {
    if (value === undefined) return [];
    if (isFlat && name === 'Attributes') {
      return Object.entries(value).map(([key, each]) =>
        element('Attribute', [xml`<Name>${key}</Name><Value>${String(each)}</Value>`]),
      );
    }
    if (!Array.isArray(value)) return [element(name, content(value, isFlat))];
    if (isFlat) return value.map((item) => element(name.replace(/s$/, ''), content(item, isFlat)));
    return [
      element(
        name,
        value.map((item) => element('member', content(item, isFlat))),
      ),
    ];
  });
}

function content(value: Output | string | number, isFlat: boolean): Markup[] {
  return typeof value === 'object' ? fields(value, isFlat) : [xml`${value}`];
}

function element(name: string, inside: Markup[]): Markup {
  return new Markup(`<${name}>${inside.map(({ text }) => text).join('')}</${name}>`);
}

function xmlAnswer(root: Markup): Answer {
  return { headers: { 'content-type': 'text/xml' }, body: document(root) };
}

/** A map of texts in CBOR (RFC 8949): of less than 24 fields. */
function cborMap(map: Record<string, string>): Buffer {
  const text = (value: string) => {
    const bytes = Buffer.from(value);
    const head = Buffer.alloc(3);
    // A text whose length is in the two bytes that follow.
    head.writeUInt8(0x79, 0);
    head.writeUInt16BE(bytes.length, 1);
    return Buffer.concat([head, bytes]);
  };
  const items = Object.entries(map).flatMap(([key, value]) => [text(key), text(value)]);
  return Buffer.concat([Buffer.from([0xa0 + Object.keys(map).length]), ...items]);
}
