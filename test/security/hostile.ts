import fc from 'fast-check';

/** An API key that looks different in a URL, and in JSON that escapes slashes. */
export const API_KEY = 'planted+key/0123456789';

/** Another one for each run. The same again: `FC_SEED=<seed> npx vitest run test/security/fuzz`. */
export const seed = Number(process.env.FC_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** Stands in URLs, and must never stand in a message. */
export const SIGNATURE = 'planted0signature';
/** Nothing listens there. */
export const SIGNED_URL = `https://127.0.0.1:2/cat.jpg?X-Amz-Credential=${SIGNATURE}&X-Amz-Signature=${SIGNATURE}`;

/** Texts that code stumbles over. */
const texts = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom('', '\0', '__proto__', '../..', '%zz', '\ud800', 'null', 'NaN', 'x'.repeat(5000), SIGNED_URL),
);
const numbers = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(-0, 0, -1, 0.5, 1e308, 2 ** 53),
);
/** Names of fields, among them those that every object inherits. */
const names = fc.oneof(
  fc.constantFrom('__proto__', 'constructor', 'toString', 'length', 'bucket', 'key', 'status', SIGNED_URL),
  fc.string({ maxLength: 10 }),
);

/** Anything that JSON can say. */
const anyJson: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    numbers,
    texts,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(names, tie('value')), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
  ),
})).value;

/** What `right` makes, now and then something else in its place. */
function mostly<T>(right: fc.Arbitrary<T>): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 6, arbitrary: right }, { weight: 1, arbitrary: anyJson });
}

/** An object whose fields are mostly right, some missing, and sometimes with one more. */
export function almost(fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<unknown> {
  const own = Object.fromEntries(Object.entries(fields).map(([name, right]) => [name, mostly(right)]));
  const object = fc.record(own, { requiredKeys: [] });
  const extra = fc.tuple(object, names, anyJson).map(([known, name, value]) => ({ ...known, [name]: value }));
  return fc.oneof({ weight: 5, arbitrary: fc.record(own) }, object, extra, anyJson);
}

/** Anything that may stand where JSON is expected: also what is none. */
export function textOf(value: fc.Arbitrary<unknown>): fc.Arbitrary<string> {
  const json = value.map((each) => JSON.stringify(each) ?? '');
  const cut = fc.tuple(json, fc.nat({ max: 60 })).map(([text, end]) => text.slice(0, end));
  const deep = fc.integer({ min: 1, max: 60_000 }).map((depth) => '['.repeat(depth) + ']'.repeat(depth));
  return fc.oneof({ weight: 6, arbitrary: json }, cut, texts, deep);
}
