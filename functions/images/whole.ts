import { crc32 } from 'node:zlib';

/** Formats whose end can be told from their bytes. */
export type Followed = 'PNG' | 'WebP' | 'JPEG';

/** The format whose signature stands at byte 0; undefined if it is none of those that can be followed. */
export function followed(head: Uint8Array): Followed | undefined {
  const start = Buffer.from(head.subarray(0, 12)).toString('latin1');
  if (start.startsWith('\x89PNG\r\n\x1a\n')) return 'PNG';
  if (start.startsWith('RIFF') && start.endsWith('WEBP')) return 'WebP';
  return start.startsWith('\xff\xd8\xff') ? 'JPEG' : undefined;
}

/**
 * Follows an image while its bytes pass: HTTP framing that fits proves nothing, because the server may have stored half
 * of it. Bytes behind the image's end are no concern of its decoders, and pass.
 */
export class Whole {
  readonly #bytes = new Bytes();
  readonly #steps: Generator<void, void>;
  #isWhole = false;

  constructor(format: Followed) {
    this.#steps = STEPS[format](this.#bytes);
  }

  /** Whether the image has ended: all of it has passed. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** @throws BrokenImage if the image cannot go on so */
  pass(chunk: Uint8Array): void {
    if (this.#isWhole) return;
    this.#bytes.add(chunk);
    this.#isWhole = this.#steps.next().done === true;
  }
}

/** Bytes that are not those of the format. The message ends a sentence: "the PNG …". */
export class BrokenImage extends Error {}

const STEPS: Record<Followed, (bytes: Bytes) => Generator<void, void>> = { PNG: png, WebP: webp, JPEG: jpeg };

/** The chunks of a PNG (https://www.w3.org/TR/png-3/#5Chunk-layout), each with its CRC, to IEND. */
function* png(bytes: Bytes): Generator<void, void> {
  yield* bytes.skip(8);
  for (let isFirst = true, hasPixels = false; ; isFirst = false) {
    const header = yield* bytes.take(8);
    const type = header.toString('latin1', 4);
    if (isFirst !== (type === 'IHDR')) throw new BrokenImage('does not begin with one header');
    let crc = crc32(header.subarray(4));
    yield* bytes.skip(header.readUInt32BE(), (part) => {
      crc = crc32(part, crc);
    });
    if ((yield* bytes.take(4)).readUInt32BE() !== crc) throw new BrokenImage('has a chunk with a wrong checksum');
    hasPixels ||= type === 'IDAT';
    if (type !== 'IEND') continue;
    if (!hasPixels) throw new BrokenImage('has no pixels');
    return;
  }
}

/** The chunks of a WebP (https://developers.google.com/speed/webp/docs/riff_container), as far as its RIFF header says. */
function* webp(bytes: Bytes): Generator<void, void> {
  // Of the size, four bytes are the word WEBP.
  let left = (yield* bytes.take(12)).readUInt32LE(4) - 4;
  let hasPixels = false;
  while (left >= 8) {
    const header = yield* bytes.take(8);
    hasPixels ||= ['VP8 ', 'VP8L', 'ANMF'].includes(header.toString('latin1', 0, 4));
    const size = header.readUInt32LE(4);
    left -= 8 + size;
    if (left < 0) throw new BrokenImage('has a chunk that is longer than all of it');
    // Chunks begin at even places.
    const padding = Math.min(left, size % 2);
    left -= padding;
    yield* bytes.skip(size + padding);
  }
  if (!hasPixels) throw new BrokenImage('has no pixels');
  yield* bytes.skip(left);
}

/** The segments of a JPEG (ITU-T T.81, annex B) to its EOI. A thumbnail's, within a segment, is passed over with that. */
function* jpeg(bytes: Bytes): Generator<void, void> {
  yield* bytes.skip(2);
  for (let hasPixels = false; ; ) {
    const marker = yield* jpegMarker(bytes);
    if (marker === EOI) {
      if (!hasPixels) throw new BrokenImage('has no pixels');
      return;
    }
    const length = (yield* bytes.take(2)).readUInt16BE();
    if (length < 2) throw new BrokenImage('has a segment that is shorter than its length');
    yield* bytes.skip(length - 2);
    hasPixels ||= marker === SOS;
  }
}

const [SOS, EOI] = [0xda, 0xd9];

/** The next marker that begins a segment, or ends the image. Pixels are before it, and, as for decoders, whatever else. */
function* jpegMarker(bytes: Bytes): Generator<void, number> {
  for (;;) {
    yield* bytes.skipTo(0xff);
    let marker = 0xff;
    // Any number of these may fill up what is before a marker.
    while (marker === 0xff) marker = (yield* bytes.take(1)).readUInt8();
    // A stuffed zero, a temporary marker, where decoding can restart, and a start have no segment.
    if (marker > 0x01 && (marker < 0xd0 || marker > 0xd8)) return marker;
  }
}

/** Bytes that come in chunks of any size, for generators that yield whenever they need the next one. */
class Bytes {
  #chunk: Buffer = Buffer.alloc(0);
  #at = 0;

  add(chunk: Uint8Array): void {
    this.#chunk = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#at = 0;
  }

  /** The next bytes together: a few of them, such as a header. */
  *take(count: number): Generator<void, Buffer> {
    const parts: Buffer[] = [];
    yield* this.skip(count, (part) => parts.push(part));
    return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
  }

  /** Passes over the next bytes; `see` is shown them piece by piece. */
  *skip(count: number, see?: (part: Buffer) => void): Generator<void, void> {
    for (let left = count; left > 0; ) {
      while (this.#at === this.#chunk.length) yield;
      const part = this.#chunk.subarray(this.#at, this.#at + left);
      this.#at += part.length;
      left -= part.length;
      see?.(part);
    }
  }

  /** Passes over all before the next byte of this value, and over that. */
  *skipTo(value: number): Generator<void, void> {
    for (;;) {
      while (this.#at === this.#chunk.length) yield;
      const at = this.#chunk.indexOf(value, this.#at);
      this.#at = at < 0 ? this.#chunk.length : at + 1;
      if (at >= 0) return;
    }
  }
}
